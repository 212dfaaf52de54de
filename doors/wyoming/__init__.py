"""The Wyoming door: Home Assistant's voice protocol in front of a Gapless service, `python -m gapless.doors.wyoming`.

One TCP connection is one `session`: its events -> an utterance of the client, spoken while its text still comes.
`voices` tells what there is, `reader` bounds what a connection may send, `server` listens, `options` reads the command
line. The protocol has neither TLS nor tokens, so the door is for this machine unless somebody says otherwise.
"""
