"""Markup: Markdown, HTML, a subset of SSML, formulas of TeX and what terminals write -> text that is spoken."""

from engine.text.markup.cursor import Dropped
from engine.text.markup.reader import MarkupReader
from engine.text.markup.rules import Style

__all__ = ["Dropped", "MarkupReader", "Style"]
