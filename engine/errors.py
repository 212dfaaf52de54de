"""Everything the engine raises on purpose.

GaplessError
├── InvalidRequest          a field of a request is missing, malformed or out of range
│   ├── UnknownVoice
│   ├── VoiceExists
│   └── EmptyText
├── StorageError            the disk does not take a voice
├── OutOfMemory             there was no memory for a piece of work
├── Unsupported             this model or this installation cannot do it, whatever the request says
├── Overloaded              no room for another utterance or voice: try again after `retry_after_s`
├── UtteranceFailed         this utterance broke; the others never notice
│   └── NotFinite           a network gave values that are no numbers
├── ModelError              a model directory or its configuration cannot be used
│   └── InvalidConfig
└── EngineClosed            the engine is draining or gone
    └── EngineBroken        it broke as a whole: `fault` says how
"""

from __future__ import annotations

from enum import StrEnum


class GaplessError(Exception):
    """Base of all errors raised on purpose."""


class InvalidRequest(GaplessError):
    """A request that cannot be served as it is; `field` names the culprit in the wire's own words."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}")
        self.field = field
        self.description = description


class UnknownVoice(InvalidRequest):
    def __init__(self, name: str, available: list[str], field: str = "config.voice") -> None:
        super().__init__(field, f"unknown voice {name[:64]!r}; available: {', '.join(available)}")


class VoiceExists(InvalidRequest):
    def __init__(self, name: str) -> None:
        super().__init__("config.name", f"voice {name!r} exists; delete it first, or choose another name")


class EmptyText(InvalidRequest):
    def __init__(self) -> None:
        super().__init__("text", "no speakable text arrived; send at least one letter or digit before the end")


class StorageError(GaplessError):
    """The disk does not take a voice, or does not let it go."""


class OutOfMemory(GaplessError):
    """There was no memory for a piece of work, on the device or in the machine."""


class Unsupported(GaplessError):
    """This model or this installation cannot do it, whatever the request says."""


class Overloaded(GaplessError):
    """No room now; what runs is not disturbed."""

    def __init__(self, description: str, retry_after_s: float) -> None:
        super().__init__(f"{description}; retry in {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s


class UtteranceFailed(GaplessError):
    """One utterance broke inside the engine."""


class NotFinite(UtteranceFailed):
    """A network gave values that are no numbers: they would be heard as silence, or as a bang."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} holds values that are no numbers")


class ModelError(GaplessError):
    """A model directory or its configuration cannot be used."""


class InvalidConfig(ModelError):
    """A configuration holds an unknown key, lacks one, or a value is out of range."""


class EngineClosed(GaplessError):
    """The engine takes no more work."""


class Fault(StrEnum):
    """What broke, of a process that must end."""

    STAGE_OVERDUE = "STAGE_OVERDUE"  # a piece of work does not end
    THREAD_DIED = "THREAD_DIED"
    DEVICE_FAILED = "DEVICE_FAILED"
    STAGE_FAILING = "STAGE_FAILING"  # one utterance after the other
    NOT_FINITE = "NOT_FINITE"  # the same, with values that are no numbers
    LOOP_BLOCKED = "LOOP_BLOCKED"  # the service's event loop answers nothing


class EngineBroken(EngineClosed):
    """The engine broke, and its process has to be replaced."""

    def __init__(self, fault: Fault, description: str) -> None:
        super().__init__(description)
        self.fault = fault
