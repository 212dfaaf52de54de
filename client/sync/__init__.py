"""The client for programs without an event loop, such as scripts and notebooks: the names of `gapless.client`, without
`await`.

    with Client("127.0.0.1:50051") as client:
        for chunk in client.say("Hello."):
            play(chunk.samples)

In a notebook, `client = Client(); client.open()` once, and a cell that ends in `client.say("Hello.")` shows a player.
"""

from .client import Client
from .speech import Speech
from .utterance import Utterance

__all__ = ["Client", "Speech", "Utterance"]
