"""Text to audio: networks, scheduling, no network code. Start reading at `engine.engine`."""
