"""The Wyoming door: Home Assistant's voice protocol in front of a Gapless service, `python -m gapless.doors.wyoming`.

One TCP connection is one `session`: its events -> an utterance of the client, spoken while its text still comes.
`voices` tells what there is, `reader` bounds what a connection may send, `server` listens, `options` reads the command
line. The protocol has neither TLS nor tokens, so the door is for this machine unless somebody says otherwise.
"""

from __future__ import annotations

import warnings

# It imports `audioop` where Python still has that, up to 3.12, which warns of its end; from 3.13 on it has its own.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    import wyoming.audio  # noqa: F401
