"""Voices: cloned from recordings, stored in files, listed in a library, and prepared for the networks."""
