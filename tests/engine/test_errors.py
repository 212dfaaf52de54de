"""Errors that are told to another process."""

from __future__ import annotations

import pytest

from engine.errors import (
    EmptyText,
    EngineBroken,
    EngineClosed,
    Fault,
    GaplessError,
    InvalidConfig,
    InvalidRequest,
    ModelError,
    NotFinite,
    OutOfMemory,
    Overloaded,
    StorageError,
    ToldError,
    UnknownVoice,
    Unsupported,
    UtteranceFailed,
    VoiceExists,
    from_told,
    told,
)

EVERY_KIND = (
    GaplessError("something"),
    InvalidRequest("config.seed", "is no number"),
    UnknownVoice("ana", ["anna", "karl"], "name"),
    VoiceExists("anna"),
    EmptyText(),
    StorageError("the disk is full"),
    OutOfMemory("no room"),
    Unsupported("no cloning"),
    Overloaded("all places are taken", 0.5),
    UtteranceFailed("it broke"),
    NotFinite("the mel"),
    ModelError("no model"),
    InvalidConfig("no such key"),
    EngineClosed("shutting down"),
    EngineBroken(Fault.THREAD_DIED, "the t3 thread broke"),
)


@pytest.mark.parametrize("error", EVERY_KIND, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_after_it_was_told(error: GaplessError) -> None:
    again = from_told(told(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    assert told(again) == told(error)


def test_every_class_is_told() -> None:
    def below(kind: type[GaplessError]) -> set[type[GaplessError]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    assert {type(error) for error in EVERY_KIND} == {
        one for one in below(GaplessError) if one.__module__ == "engine.errors"
    }


def test_an_error_from_elsewhere_is_told_as_what_is_known_of_it() -> None:
    class TextTooLong(InvalidRequest):
        """One of the service's own."""

    again = from_told(told(TextTooLong("text", "too long")))
    assert type(again) is InvalidRequest
    assert (again.field, str(again)) == ("text", "text: too long")


def test_what_another_version_tells_is_still_an_error() -> None:
    assert type(from_told(ToldError(kind="Unheard", message="of"))) is UtteranceFailed
    assert type(from_told(ToldError(kind="EngineBroken", message="x", fault="UNHEARD_OF"))) is EngineClosed
