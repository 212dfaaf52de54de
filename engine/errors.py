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

`told` and `from_told` take an error to another process: it is the same there, word for word.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class ToldError:
    """An error as another process is told of it. Fields that its class does not have are empty."""

    kind: str  # the name of its class
    message: str
    field: str = ""  # of an InvalidRequest, as its description
    description: str = ""
    retry_after_s: float = 0.0  # of an Overloaded
    fault: str = ""  # of an EngineBroken


def told(error: GaplessError) -> ToldError:
    """An error of a class from elsewhere is told as the one above it that is known here."""
    kind = next(one for one in type(error).__mro__ if one.__module__ == __name__)
    return ToldError(
        kind=kind.__name__,
        message=str(error),
        field=error.field if isinstance(error, InvalidRequest) else "",
        description=error.description if isinstance(error, InvalidRequest) else "",
        retry_after_s=error.retry_after_s if isinstance(error, Overloaded) else 0.0,
        fault=error.fault if isinstance(error, EngineBroken) else "",
    )


def from_told(what: ToldError) -> GaplessError:
    """The same error. What another version calls by a name that is unknown here is an UtteranceFailed, and a fault
    that is unknown here an EngineClosed."""
    kind = _kinds(GaplessError).get(what.kind, UtteranceFailed)
    if issubclass(kind, EngineBroken) and what.fault not in set(Fault):
        kind = EngineClosed
    error = kind.__new__(kind, what.message)  # constructors make the message of other things, which it holds already
    if isinstance(error, InvalidRequest):
        error.field, error.description = what.field, what.description
    if isinstance(error, Overloaded):
        error.retry_after_s = what.retry_after_s
    if isinstance(error, EngineBroken):
        error.fault = Fault(what.fault)
    return error


def _kinds(base: type[GaplessError]) -> dict[str, type[GaplessError]]:
    """The classes of this file, by name."""
    below = [kind for kind in base.__subclasses__() if kind.__module__ == __name__]
    return {base.__name__: base} | {name: kind for one in below for name, kind in _kinds(one).items()}
