"""NVIDIA Riva's speech synthesis on the service's own port, with `--riva`: its clients speak with Gapless unchanged.

Riva's requests -> `requests` -> what a client of gapless.tts.v1 would have sent -> an utterance like any other ->
`answers` -> Riva's responses. `handler` holds the RPCs, `messages` the messages of `protos`.
"""
