"""Parity with the reference implementation (PyPI chatterbox-tts 0.1.7): see README.md for how a case is added."""
