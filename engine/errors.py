"""Everything the engine raises on purpose.

GaplessError
├── InvalidRequest          a field of a request is missing, malformed or out of range
│   ├── UnknownVoice
│   └── EmptyText
├── Overloaded              no room for another utterance: try again after `retry_after_s`
├── UtteranceFailed         this utterance broke; the others never notice
├── ModelError              a model directory or its configuration cannot be used
│   └── InvalidConfig
└── EngineClosed            the engine is draining or gone
"""

from __future__ import annotations


class GaplessError(Exception):
    """Base of all errors raised on purpose."""


class InvalidRequest(GaplessError):
    """A request that cannot be served as it is; `field` names the culprit in the wire's own words."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}")
        self.field = field
        self.description = description


class UnknownVoice(InvalidRequest):
    def __init__(self, name: str, available: list[str]) -> None:
        super().__init__("config.voice", f"unknown voice {name!r}; available: {', '.join(available)}")


class EmptyText(InvalidRequest):
    def __init__(self) -> None:
        super().__init__("text", "no speakable text arrived; send at least one letter or digit before the end")


class Overloaded(GaplessError):
    def __init__(self, running: int, limit: int, retry_after_s: float) -> None:
        super().__init__(f"{running} of {limit} utterances are running; retry in {retry_after_s:.1f} s")
        self.running = running
        self.limit = limit
        self.retry_after_s = retry_after_s


class UtteranceFailed(GaplessError):
    """One utterance broke inside the engine."""


class ModelError(GaplessError):
    """A model directory or its configuration cannot be used."""


class InvalidConfig(ModelError):
    """A configuration holds an unknown key, lacks one, or a value is out of range."""


class EngineClosed(GaplessError):
    """The engine takes no more work."""
