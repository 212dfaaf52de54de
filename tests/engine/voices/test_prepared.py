"""The shelf of prepared voices: prepared once, shared, bounded in bytes, and never taken from who speaks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from engine.errors import EngineClosed, Overloaded, Unsupported
from engine.voices.prepared import PreparedVoices

WAIT_S = 10.0


@dataclass(frozen=True, eq=False)
class Stored:
    name: str


@dataclass(frozen=True)
class Prepared:
    name: str
    nbytes: int = 100


A, B, C, BROKEN = (Stored(name) for name in ("a", "b", "c", "broken"))


class Preparing:
    """Prepares voices of 100 bytes and keeps the order; "broken" fails; waits for `gate` if there is one."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.threads: set[str] = set()
        self.gate: threading.Event | None = None

    def __call__(self, voice: Stored) -> Prepared:
        if self.gate is not None:
            assert self.gate.wait(WAIT_S)
        self.order.append(voice.name)
        self.threads.add(threading.current_thread().name)
        if voice is BROKEN:
            raise RuntimeError("scripted failure")
        return Prepared(voice.name)


@pytest.fixture
def preparing() -> Preparing:
    return Preparing()


@pytest.fixture
def shelf(preparing: Preparing) -> Iterator[PreparedVoices[Stored, Prepared]]:
    """Room for two voices."""
    shelf: PreparedVoices[Stored, Prepared] = PreparedVoices(preparing, max_bytes=250, on_start=lambda: None)
    yield shelf
    shelf.close()


def test_a_voice_is_prepared_once_and_shared(shelf: PreparedVoices[Stored, Prepared], preparing: Preparing) -> None:
    first, second = shelf.pin(A).result(WAIT_S), shelf.pin(A).result(WAIT_S)
    assert first is second
    assert preparing.order == ["a"]
    assert shelf.bytes_held(A) == 100


def test_who_comes_while_a_voice_is_being_prepared_waits_for_the_same_one(
    shelf: PreparedVoices[Stored, Prepared], preparing: Preparing
) -> None:
    preparing.gate = threading.Event()
    futures = [shelf.pin(A) for _ in range(5)]
    preparing.gate.set()
    assert len({id(future.result(WAIT_S)) for future in futures}) == 1
    assert preparing.order == ["a"]


def test_preparing_has_a_thread_of_its_own(shelf: PreparedVoices[Stored, Prepared], preparing: Preparing) -> None:
    shelf.pin(A).result(WAIT_S)
    (name,) = preparing.threads
    assert name.startswith("voices")


def test_the_least_recently_used_voice_makes_room(
    shelf: PreparedVoices[Stored, Prepared], preparing: Preparing
) -> None:
    for voice in (A, B, A, C):
        shelf.pin(voice).result(WAIT_S)
        shelf.unpin(voice)
    assert [shelf.bytes_held(voice) for voice in (A, B, C)] == [100, 0, 100]
    shelf.pin(B).result(WAIT_S)
    assert preparing.order == ["a", "b", "c", "b"]


def test_a_voice_in_use_stays_and_the_newcomer_is_refused(shelf: PreparedVoices[Stored, Prepared]) -> None:
    for voice in (A, B):
        shelf.pin(voice).result(WAIT_S)
    with pytest.raises(Overloaded, match=r"voice 'c' needs .* retry in"):
        shelf.pin(C).result(WAIT_S)
    shelf.unpin(C)
    shelf.unpin(A)
    assert shelf.pin(C).result(WAIT_S) == Prepared("c")


def test_a_voice_that_never_fits_is_not_worth_another_try(preparing: Preparing) -> None:
    """It was refused with "retry in 5 s", at start as well."""
    shelf: PreparedVoices[Stored, Prepared] = PreparedVoices(preparing, max_bytes=99, on_start=lambda: None)
    with pytest.raises(Unsupported, match=r"voice 'a' needs .*, more than there is for voices: .* \(--voice-memory\)"):
        shelf.pin(A).result(WAIT_S)
    shelf.close()


def test_a_failure_reaches_who_waits_and_the_next_try_starts_anew(
    shelf: PreparedVoices[Stored, Prepared], preparing: Preparing
) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="scripted failure"):
            shelf.pin(BROKEN).result(WAIT_S)
        shelf.unpin(BROKEN)
    assert preparing.order == ["broken", "broken"]
    assert shelf.pin(A).result(WAIT_S) == Prepared("a")


def test_a_deleted_voice_is_forgotten(shelf: PreparedVoices[Stored, Prepared], preparing: Preparing) -> None:
    spoken = shelf.pin(A).result(WAIT_S)
    shelf.drop(A)
    assert shelf.bytes_held(A) == 0
    assert shelf.pin(A).result(WAIT_S) is not spoken
    assert preparing.order == ["a", "a"]


def test_other_work_runs_on_the_same_thread_and_its_error_comes_back(shelf: PreparedVoices[Stored, Prepared]) -> None:
    assert shelf.run(lambda: threading.current_thread().name).startswith("voices")
    with pytest.raises(ZeroDivisionError):
        shelf.run(lambda: 1 / 0)


def test_a_voice_created_anew_under_its_name_is_prepared_anew(
    shelf: PreparedVoices[Stored, Prepared], preparing: Preparing
) -> None:
    """By name, the new voice would have spoken with the state of the deleted one that was just being prepared."""
    preparing.gate = threading.Event()
    deleted, created = Stored("a"), Stored("a")
    before = shelf.pin(deleted)
    shelf.drop(deleted)
    after = shelf.pin(created)
    preparing.gate.set()
    assert after.result(WAIT_S) is not before.result(WAIT_S)
    assert preparing.order == ["a", "a"]


def test_after_the_end_nothing_is_begun(preparing: Preparing) -> None:
    shelf: PreparedVoices[Stored, Prepared] = PreparedVoices(preparing, max_bytes=250, on_start=lambda: None)
    shelf.close()
    with pytest.raises(EngineClosed):
        shelf.pin(A)
    with pytest.raises(EngineClosed):
        shelf.run(lambda: None)


def test_who_waits_when_it_closes_is_told_why(preparing: Preparing) -> None:
    """Waiting work was cancelled, which asyncio takes for the cancelling of whoever awaits it."""
    shelf: PreparedVoices[Stored, Prepared] = PreparedVoices(preparing, max_bytes=250, on_start=lambda: None)
    preparing.gate = threading.Event()
    first, second = shelf.pin(A), shelf.pin(B)
    closing = threading.Thread(target=shelf.close)
    closing.start()
    closing.join(0.05)
    preparing.gate.set()
    closing.join(WAIT_S)
    assert first.result(WAIT_S) == Prepared("a")
    with pytest.raises(EngineClosed):
        second.result(WAIT_S)
    assert preparing.order == ["a"]


def test_who_comes_when_a_voice_is_just_ready_takes_that_one(preparing: Preparing) -> None:
    """For a moment it was neither coming nor held: it was prepared a second time, and counted twice against the
    room, so that its own utterances could be refused for want of memory."""
    for _ in range(300):
        shelf: PreparedVoices[Stored, Prepared] = PreparedVoices(preparing, max_bytes=150, on_start=lambda: None)
        preparing.order.clear()
        futures = [shelf.pin(A)]
        while not shelf.bytes_held(A):
            futures.append(shelf.pin(A))
        assert {future.result(WAIT_S) for future in futures} == {Prepared("a")}
        shelf.close()
        assert preparing.order == ["a"]
