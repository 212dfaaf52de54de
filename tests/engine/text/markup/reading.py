"""What a text is read as, in pieces or as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.messages import CodeBlocks, TextFormat
from engine.text.markup import MarkupReader, Style
from engine.text.origin import TextPiece


def style(text_format: str = "auto", code_blocks: str = "announce", is_english: bool = True) -> Style:
    return Style(text_format=TextFormat(text_format), code_blocks=CodeBlocks(code_blocks), is_english=is_english)


@dataclass(frozen=True)
class Reading:
    pieces: list[TextPiece]
    dropped: list[str]  # the kinds

    @property
    def text(self) -> str:
        return "".join(text for text, *_ in self.pieces)

    @property
    def characters(self) -> list[tuple[str, int, int]]:
        """Each with where it was sent."""
        return [
            (char, begin + at, begin + at + 1) if verbatim else (char, begin, end)
            for text, begin, end, verbatim, _ in self.pieces
            for at, char in enumerate(text)
        ]


def read_pieces(pieces: Sequence[str], how: Style) -> Reading:
    reader = MarkupReader(how)
    read = [one for piece in pieces for one in reader.read(piece)] + reader.settle()
    assert not reader.held
    return Reading(read, sorted(kind.name for kind, _ in reader.take_dropped()))


def read(text: str, text_format: str = "auto", **how: object) -> Reading:
    return read_pieces([text], style(text_format, **how))  # type: ignore[arg-type]


def said(text: str, text_format: str = "auto", **how: object) -> str:
    """Without the line ends between blocks."""
    return " ".join(read(text, text_format, **how).text.split())
