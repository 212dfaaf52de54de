"""One client's mistakes are answered seldom, and hold back nobody else."""

from __future__ import annotations

import asyncio
import time

import pytest

from gapless.client import InvalidArgument, ServerBusy
from gapless.doors.mistakes import Mistakes


def invalid() -> InvalidArgument:
    return InvalidArgument("no such voice")


async def ask(mistakes: Mistakes, client: str, error: BaseException | None) -> float:
    """How long the answer took."""
    began_s = time.monotonic()
    try:
        async with await mistakes.admit(client) as undecided:
            if error is not None:
                raise error
            undecided.right()
    except (InvalidArgument, ServerBusy, asyncio.CancelledError):
        pass
    return time.monotonic() - began_s


async def test_mistakes_beyond_those_at_once_are_answered_later_and_others_are_not() -> None:
    mistakes = Mistakes(at_once=2, per_s=10)
    took_s = await asyncio.gather(*(ask(mistakes, "one", invalid()) for _ in range(6)))
    assert max(took_s[:2]) < 0.1
    assert max(took_s) > 0.3
    assert await ask(mistakes, "other", None) < 0.1


async def test_the_next_requests_of_who_made_mistakes_wait_for_their_answers() -> None:
    mistakes = Mistakes(at_once=2, per_s=10)
    asking = [asyncio.create_task(ask(mistakes, "one", invalid())) for _ in range(6)]
    await asyncio.sleep(0)
    assert await ask(mistakes, "one", None) > 0.3
    await asyncio.gather(*asking)


@pytest.mark.parametrize("error", [None, ServerBusy("full")])
async def test_whatever_is_no_mistake_counts_for_nothing(error: ServerBusy | None) -> None:
    mistakes = Mistakes(at_once=2, per_s=1)
    assert max(await asyncio.gather(*(ask(mistakes, "one", error) for _ in range(20)))) < 0.5


async def test_who_leaves_before_the_answer_may_have_made_a_mistake() -> None:
    mistakes = Mistakes(at_once=2, per_s=10)
    for _ in range(6):
        await ask(mistakes, "one", asyncio.CancelledError())
    assert await ask(mistakes, "one", None) > 0.05


async def test_as_many_are_undecided_as_may_be_wrong_at_once() -> None:
    mistakes = Mistakes(at_once=2, per_s=10)
    first, _ = await mistakes.admit("one"), await mistakes.admit("one")
    third = asyncio.create_task(mistakes.admit("one"))
    await asyncio.sleep(0.01)
    assert not third.done()
    await mistakes.admit("other")
    first.right()
    first.right()
    await asyncio.wait_for(third, 1)
