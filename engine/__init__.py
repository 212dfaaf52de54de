"""Text to audio: networks, scheduling, no network code. Start reading at `engine.engine`.

The files beside the rooms are what others use: `loading` makes an engine, `messages`, `options`, `sampling_params` and
`errors` are what goes in and comes out, `speak` speaks a whole text, `clock` is the time of all stamps.
"""
