"""T3: the language model that turns text tokens into speech tokens, one at a time."""
