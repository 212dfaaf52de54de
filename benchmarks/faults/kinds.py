"""The faults: how each strikes, and what is to be seen of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.faults.outcomes import HUNG, Outcome, speak
from benchmarks.support.breakable_service import FOR_EVER, Breakable
from benchmarks.support.long_tone import recording
from benchmarks.support.tcp_relay import DOWN, UP, relay
from client import Client
from client.errors import ClientError
from engine.errors import Fault
from service.process_end import CODES, STOPPED

SOON_S = 10.0  # from the fault to the end of a process that has to go
IN_A_ROW = 6  # utterances: one more than a stage may fail in a row
STOOD_STILL_S = 6.0
SHORTAGE_S = 3.0  # without memory, or room on the disk

GOES_ON = {"OK"}
BROKEN = {"UNAVAILABLE ENGINE_BROKEN"}
ITS_OWN = {"INTERNAL UTTERANCE_FAILED"}
NO_MEMORY = {"RESOURCE_EXHAUSTED OUT_OF_MEMORY"}
CUT = {"UNAVAILABLE", "CANCELLED"}  # nobody was left to say more


@dataclass
class Trial:
    service: Breakable
    client: Client


Strike = Callable[[Trial], Awaitable[None]]
Victim = Callable[[Trial, str, int], Awaitable[Outcome]]


async def usual(trial: Trial, text: str, seed: int) -> Outcome:
    return await speak(trial.client, text, seed)


@dataclass(frozen=True, kw_only=True)
class Kind:
    strike: Strike
    victim: Victim = usual
    victims: set[str] = field(default_factory=lambda: GOES_ON)  # what those that are struck may be told
    neighbour: set[str] = field(default_factory=lambda: GOES_ON)
    later: set[str] = field(default_factory=lambda: GOES_ON)  # another utterance, once the fault is over
    exit_status: int | None = None  # None: the process goes on
    calls: int = 1  # victims, one after the other
    spoils: bool = False  # the process goes on, and is not what it was
    then: Strike | None = None

    def wrong(
        self,
        victims: Sequence[Outcome],
        neighbour: Outcome,
        later: Outcome | None,
        exit_status: int | None,
        gone_s: float | None,
    ) -> list[str]:
        """What is not as it should be."""
        found = [f"the struck one heard {one}: {one.message}" for one in victims if str(one) not in self.victims]
        if str(neighbour) not in self.neighbour:
            found.append(f"the neighbour heard {neighbour}: {neighbour.message}")
        found += [f"says too much: {one.message}" for one in (*victims, neighbour) if one.tells_too_much]
        if later is not None and str(later) not in self.later:
            found.append(f"a later utterance heard {later}: {later.message}")
        if exit_status != self.exit_status:
            found.append(f"exit status {exit_status}, not {self.exit_status}")
        if gone_s is not None and gone_s > SOON_S and self.exit_status != STOPPED:  # a drain takes its time
            found.append(f"gone after {gone_s:.1f} s, not within {SOON_S:g} s")
        return found


def ordered(do: str, stage: str = "", **more: Any) -> Strike:
    async def strike(trial: Trial) -> None:
        trial.service.order(do, stage, **more)
        await asyncio.sleep(0.2)  # for the order to be read

    return strike


def over(after_s: float) -> Strike:
    """Waits until what lasts so long is over."""

    async def wait(trial: Trial) -> None:
        await asyncio.sleep(after_s)

    return wait


def signalled(*numbers: int, every_s: float = 0.3) -> Strike:
    """While the struck utterance is under way."""

    async def strike(trial: Trial) -> None:
        async def send() -> None:
            await asyncio.sleep(0.5)
            for number in numbers:
                trial.service.process.send_signal(number)
                await asyncio.sleep(every_s)

        trial.sending = asyncio.create_task(send())  # type: ignore[attr-defined]

    return strike


def goes(strike: Strike, fault: Fault, *, calls: int = 1, before: set[str] | None = None) -> Kind:
    """The process has to go; `before`: what the struck ones hear until it is known that it must."""
    told = BROKEN | (before or set())
    return Kind(strike=strike, victims=told, neighbour=told, exit_status=CODES[fault], calls=calls)


async def half_dead(trial: Trial, text: str, seed: int) -> Outcome:
    """A connection through which nothing comes any more, in either direction, and which nobody closes."""
    with relay(trial.service.address) as network:
        try:
            async with asyncio.timeout(20), Client(network.address, resume_s=0) as client:
                speaking = asyncio.create_task(speak(client, text, seed))
                await asyncio.sleep(1.0)
                for way in (UP, DOWN):
                    network.stall(way, after_s=0.0, for_s=60.0)
                await asyncio.sleep(8.0)  # longer than the server's idle timeout
                speaking.cancel()
        except TimeoutError:
            pass
        except ClientError as error:
            return Outcome.of(error)
    return Outcome(HUNG)


async def slow_reader(trial: Trial, text: str, seed: int) -> Outcome:
    """Asks for minutes of speech without pauses, and reads nothing of it."""
    async with Client(trial.service.address, resume_s=0, receive_capacity=1) as client:
        return await speak(client, 40 * text, seed, reads=False)


async def newcomer(trial: Trial, text: str, seed: int) -> Outcome:
    """Comes while there is no descriptor left for its connection."""
    try:
        async with Client(trial.service.address, resume_s=0, connect_timeout_s=2.0) as client:
            return await speak(client, text, seed)
    except ClientError as error:
        return Outcome.of(error)


async def makes_a_voice(trial: Trial, text: str, seed: int) -> Outcome:
    """While nothing can be stored; and again when there is room, to speak with it: the same name must be free."""
    name = "struck"
    try:
        await trial.client.create_voice(name, recording())
        return Outcome("OK")
    except ClientError as error:
        refused = Outcome.of(error)
    await asyncio.sleep(SHORTAGE_S)
    try:
        await trial.client.create_voice(name, recording())
        spoken = await speak(trial.client, text, seed, voice=name)
        await trial.client.delete_voice(name)
    except ClientError as error:
        return Outcome("LATER", str(Outcome.of(error)), str(error))
    return refused if str(spoken) in GOES_ON else spoken


async def vanishing(trial: Trial, text: str, seed: int) -> Outcome:
    """Its connection breaks off in the middle of an utterance."""
    async with contextlib.AsyncExitStack() as stack:
        with relay(trial.service.address) as network:
            client = await stack.enter_async_context(Client(network.address, resume_s=0))
            speaking = asyncio.create_task(speak(client, 10 * text, seed))
            await asyncio.sleep(1.5)
        return await speaking


STAGES = ("text", "t3", "flow", "vocoder")
NETWORKS = ("t3", "flow", "vocoder")

KINDS: dict[str, Kind] = {
    # ------------------------------------------------------------------ the utterance's own: all else goes on
    "t3_prefill_fails": Kind(strike=ordered("fail", "t3_prefill"), victims=ITS_OWN),
    "flow_fails": Kind(strike=ordered("fail", "flow"), victims=ITS_OWN),
    "vocoder_fails": Kind(strike=ordered("fail", "vocoder"), victims=ITS_OWN),
    "flow_every_third": Kind(strike=ordered("fail", "flow", every=3, times=FOR_EVER), victims=ITS_OWN | GOES_ON),
    **{
        f"{stage}_out_of_memory": Kind(strike=ordered("memory", stage, times=FOR_EVER), victims=NO_MEMORY)
        for stage in ("t3_prefill", "flow", "vocoder")
    },
    "text_out_of_memory": Kind(strike=ordered("memory", "text"), victims=NO_MEMORY),
    "t3_out_of_memory": Kind(strike=ordered("memory", "t3"), victims=NO_MEMORY, neighbour=NO_MEMORY | GOES_ON),
    "flow_out_of_memory_once": Kind(strike=ordered("memory", "flow")),
    "text_slow": Kind(strike=ordered("slow", "text", seconds=1.5)),
    "flow_slow": Kind(strike=ordered("slow", "flow", seconds=1.5, times=2)),
    "t3_slow": Kind(strike=ordered("slow", "t3", seconds=0.05, times=60)),
    "vocoder_slow": Kind(strike=ordered("slow", "vocoder", seconds=1.0, times=2)),
    "slow_reader": Kind(strike=ordered("nothing"), victim=slow_reader, victims={"ABORTED CLIENT_STALLED", "OK"}),
    "half_dead_connection": Kind(strike=ordered("nothing"), victim=half_dead, victims={HUNG, *CUT, "OK"}),
    "connection_breaks": Kind(strike=ordered("nothing"), victim=vanishing, victims=CUT),
    # ------------------------------------------------------------------ the process stands still, or its world changes
    "loop_blocked_shortly": Kind(strike=ordered("block_loop", seconds=1.5)),
    "suspended": Kind(strike=signalled(signal.SIGSTOP, signal.SIGCONT, every_s=STOOD_STILL_S)),
    "clock_ahead": Kind(strike=ordered("clock", seconds=3600.0), spoils=True),
    "clock_back": Kind(strike=ordered("clock", seconds=-3600.0), spoils=True),
    "no_descriptors": Kind(
        strike=ordered("descriptors", seconds=4.0), victim=newcomer, victims={"OK", "DEADLINE_EXCEEDED", *CUT}
    ),
    "disk_full": Kind(
        strike=ordered("disk_full", seconds=SHORTAGE_S),
        victim=makes_a_voice,
        victims={"RESOURCE_EXHAUSTED STORAGE_FULL"},
    ),
    "no_more_memory": Kind(
        strike=ordered("address_space", seconds=SHORTAGE_S),
        victims=GOES_ON | NO_MEMORY,
        neighbour=GOES_ON | NO_MEMORY,
        then=over(SHORTAGE_S),
        later=GOES_ON | NO_MEMORY,  # oneDNN may never find any again: the stage fails then until the process goes
        spoils=True,
    ),
    # ------------------------------------------------------------------ a stage's own: the process goes
    **{f"{stage}_hangs": goes(ordered("hang", stage), Fault.STAGE_OVERDUE) for stage in STAGES},
    "voices_thread_hangs": goes(ordered("hang_voices"), Fault.STAGE_OVERDUE),
    **{f"{stage}_thread_dies": goes(ordered("die", stage), Fault.THREAD_DIED) for stage in STAGES},
    **{
        f"{stage}_device_error": goes(ordered("device", stage), Fault.DEVICE_FAILED, before=ITS_OWN)
        for stage in NETWORKS
    },
    **{
        f"{stage}_fails_always": goes(
            ordered("fail", stage, times=FOR_EVER), Fault.STAGE_FAILING, calls=IN_A_ROW, before=ITS_OWN | GOES_ON
        )
        for stage in NETWORKS
    },
    **{
        f"{stage}_weights_nan": goes(ordered("poison", stage), Fault.NOT_FINITE, calls=IN_A_ROW, before=ITS_OWN)
        for stage in NETWORKS
    },
    "loop_blocked": Kind(
        strike=ordered("block_loop", seconds=3600.0), victims=CUT, neighbour=CUT, exit_status=CODES[Fault.LOOP_BLOCKED]
    ),
    # ------------------------------------------------------------------ somebody ends the process
    "killed": Kind(strike=signalled(signal.SIGKILL), victims=CUT, neighbour=CUT, exit_status=-signal.SIGKILL),
    "terminated": Kind(strike=signalled(signal.SIGTERM), exit_status=STOPPED),
    "terminated_twice": Kind(
        strike=signalled(signal.SIGTERM, signal.SIGINT), victims=CUT, neighbour=CUT, exit_status=STOPPED
    ),
}
SHORT = ("flow_fails", "loop_blocked_shortly", "flow_hangs")
