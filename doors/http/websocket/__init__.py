"""Speech over a WebSocket, for pages in a browser: text goes in as it is written, audio comes out while it is made.

`conversation` is the life of one socket: its token, then one utterance after the other. `speech` is one utterance; its
events are sent as they come. `incoming` reads messages, `outgoing` words them, `listening` makes of what a page heard
the verdict, and `places` bounds how many sockets there are. docs/browser.md is the protocol.
"""
