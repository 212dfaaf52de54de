"""Text on its way to T3: segments, speakable text, tokens."""
