"""The HTTP door: OpenAI's speech API in front of a Gapless service, `python -m gapless.doors.http`.

An HTTP request -> `requests` -> an utterance of the client -> `formats` -> `speech`, which writes while it is spoken.
`websocket` takes text in pieces, for pages in a browser. `errors` says refusals in OpenAI's words, `fields` reads JSON.
`listing` tells voices and models, `app` puts the routes together, `server` listens, `connections`, `hosts` and
`strangers` bound who may stay and ask, `options` reads the command line.
"""
