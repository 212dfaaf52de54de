"""Doors: what other programs come in by. A door translates; it synthesises, buffers and schedules nothing.

What several doors need is here once: `listening` (where a server may listen, and its certificates), `encoders` (audio
in the containers that others ask for), `aliases` (voices by the names of others) and `refusals` (kinds of errors).
`http` is a door of its own: OpenAI's speech API over the client of Gapless. `pipecat` and `livekit` are parts for these
frameworks, to be used inside a program; `agents` is what both stand on.
Sources are in doors/; what is installed, and what is imported everywhere, is gapless.doors.
"""
