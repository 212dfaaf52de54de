"""English text as people and language models write it -> text that can be spoken."""

from __future__ import annotations

from engine.text.normalize.normalizer import normalize, traced, write_out

__all__ = ["normalize", "traced", "write_out"]
