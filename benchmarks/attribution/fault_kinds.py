"""The faults that `benchmarks.attribution.fault_injection` can produce: which step each delays, and how."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.support.fake_device import FakeDevice
from benchmarks.support.faulty_service import LOOP_PAUSES, Service
from benchmarks.support.tcp_relay import DOWN, UP, Relay
from client import Client
from client.attribution.hops import Hop

TEXT = ("One sentence goes out to be spoken. ", "The second one follows it at once. ")
SIZES_S = (0.1, 1.5)
SHORT_BLOCK_S = 0.05
SLOW_CHUNKS = 3
WORD_S = 0.03  # from one word of the text to the next
SPEECH_BYTES_PER_S = 48_000


@dataclass(frozen=True)
class Kind:
    hop: Hop
    order: Callable[[Trial], None]
    measured: bool = True  # whether there is one true amount
    at_first: bool = False  # before anything is opened
    on_server: bool = False  # whether it struck, and how often, is for the service to say
    added_s: float = 0.0  # beyond the size of the trial
    in_client: bool = False  # it blocks a loop of this process: those blocks count that came before the last chunk
    least_s: float = SIZES_S[0]  # a shorter one may pass between two messages


@dataclass
class Trial:
    """One utterance and what is done to it."""

    service: Service
    network: Relay
    device: FakeDevice
    client: Client
    after_s: float
    for_s: float
    pieces: Sequence[str] = TEXT
    between_s: float = 0.0  # from one piece of text to the next
    pause_at: int = 1  # before this piece the writer pauses,
    writer_s: float = 0.0  # for so long
    before_end_s: float = 0.0
    listener_s: float = 0.0  # once, after `after_s`
    chunk_s: float = 0.0  # after each of the first SLOW_CHUNKS chunks from then on
    blocked_s: float = 0.0  # by `at`, so far

    def at(self, loop: asyncio.AbstractEventLoop, times: int = 1) -> None:
        """Blocks a loop of this process, once or in so many short blocks."""
        for_s = self.for_s / times

        def block() -> None:
            self.blocked_s += for_s
            time.sleep(for_s)

        for index in range(times):
            at_s = self.after_s + index * (1 + LOOP_PAUSES) * for_s
            loop.call_soon_threadsafe(loop.call_later, at_s, block)

    def short_blocks(self) -> int:
        return max(1, round(self.for_s / SHORT_BLOCK_S))


def _arm(stage: str, times: int = 1) -> Callable[[Trial], None]:
    """`times`: spread over so many of its workings."""
    return lambda trial: trial.service.arm(stage, after_s=trial.after_s, for_s=trial.for_s / times, times=times)


def _block_server_shortly(trial: Trial) -> None:
    times = trial.short_blocks()
    trial.service.arm("server_loop", after_s=trial.after_s, for_s=trial.for_s / times, times=times)


def _stall(way: str) -> Callable[[Trial], None]:
    return lambda trial: trial.network.stall(way, after_s=trial.after_s, for_s=trial.for_s)


def _delay(*ways: str) -> Callable[[Trial], None]:
    def order(trial: Trial) -> None:
        for way in ways:
            trial.network.delay(way, trial.for_s / len(ways))

    return order


def _stall_the_call(trial: Trial) -> None:
    trial.network.stall(DOWN, after_s=trial.after_s, for_s=trial.for_s, connection=0)


def _thin(trial: Trial) -> None:
    """Too little for speech: what is lacking after 3 s is about what the trial asks for."""
    trial.network.limit(DOWN, SPEECH_BYTES_PER_S * max(0.2, 1 - trial.for_s / 3.0))


def _block_reader(trial: Trial) -> None:
    trial.at(_reading_loop(trial))


def _reading_loop(trial: Trial) -> asyncio.AbstractEventLoop:
    assert trial.client._reader is not None
    return trial.client._reader._loop


def _slow_opening(trial: Trial) -> None:
    trial.device.open_s += trial.for_s


def _pause_writer(trial: Trial) -> None:
    trial.writer_s = trial.for_s


def _pause_between_words(trial: Trial) -> None:
    trial.pieces = [word + " " for word in "".join(TEXT).split()]
    trial.between_s, trial.writer_s = WORD_S, trial.for_s
    trial.pause_at = 1 + round(trial.after_s * 1e6) % (len(trial.pieces) - 1)


def _end_late(trial: Trial) -> None:
    """The last sentence waits for it."""
    trial.before_end_s = trial.for_s


def _pause_listener(trial: Trial) -> None:
    trial.listener_s = trial.for_s


def _slow_listener(trial: Trial) -> None:
    trial.chunk_s = trial.for_s / SLOW_CHUNKS


KINDS = {
    "clean": Kind(Hop.CLEAN, lambda trial: None),
    "server_loop": Kind(Hop.SERVER_LOOP, _arm("server_loop"), on_server=True),
    "client_reader": Kind(Hop.CLIENT_READER, _block_reader),
    "client_loop": Kind(Hop.CLIENT_LOOP, lambda trial: trial.at(asyncio.get_running_loop())),
    "device_open": Kind(Hop.DEVICE_OPEN, _slow_opening, at_first=True),
    "network_down": Kind(Hop.NETWORK, _stall(DOWN)),
    "network_up": Kind(Hop.NETWORK, _stall(UP)),
    "network_far_down": Kind(Hop.NETWORK, _delay(DOWN), at_first=True),
    "network_far": Kind(Hop.NETWORK, _delay(UP, DOWN), at_first=True),
    "t3": Kind(Hop.T3, _arm("t3"), on_server=True),
    "t3_prefill": Kind(Hop.T3, _arm("t3_prefill"), on_server=True),
    "flow": Kind(Hop.FLOW, _arm("flow"), on_server=True),
    "vocoder": Kind(Hop.VOCODER, _arm("vocoder"), on_server=True),
    "tokens": Kind(Hop.TOKENS, _arm("tokens"), on_server=True),
    "channel": Kind(Hop.CHANNEL, _arm("channel"), on_server=True),
    "text": Kind(Hop.TEXT, _pause_writer),
    "client_buffer": Kind(Hop.CLIENT_BUFFER, _pause_listener),
    "device": Kind(Hop.DEVICE, lambda trial: trial.device.stall(trial.after_s, trial.for_s)),
}


USUAL = tuple(KINDS)
KINDS |= {
    "server_loop_short": Kind(Hop.SERVER_LOOP, _block_server_shortly, measured=False, on_server=True),
    "client_loop_short": Kind(
        Hop.CLIENT_LOOP, lambda trial: trial.at(asyncio.get_running_loop(), trial.short_blocks()), in_client=True
    ),
    "client_reader_short": Kind(
        Hop.CLIENT_READER, lambda trial: trial.at(_reading_loop(trial), trial.short_blocks()), in_client=True
    ),
    "t3_slow": Kind(Hop.T3, _arm("t3", times=50), on_server=True),
    "flow_slow": Kind(Hop.FLOW, _arm("flow", times=SLOW_CHUNKS), on_server=True),
    "vocoder_slow": Kind(Hop.VOCODER, _arm("vocoder", times=SLOW_CHUNKS), on_server=True),
    "network_jitter_down": Kind(Hop.NETWORK, lambda trial: trial.network.jitter(DOWN, trial.for_s), measured=False),
    "network_jitter_up": Kind(Hop.NETWORK, lambda trial: trial.network.jitter(UP, trial.for_s), measured=False),
    "network_far_up": Kind(Hop.NETWORK, _delay(UP), at_first=True),
    "network_thin": Kind(Hop.NETWORK, _thin, measured=False),
    "network_one": Kind(Hop.NETWORK, _stall_the_call, measured=False, least_s=0.7),
    "text_words": Kind(Hop.TEXT, _pause_between_words, added_s=WORD_S * (len("".join(TEXT).split()) - 1)),
    "text_end": Kind(Hop.TEXT, _end_late),
    "client_buffer_slow": Kind(Hop.CLIENT_BUFFER, _slow_listener),
}
OTHERS = tuple(kind for kind in KINDS if kind not in USUAL)
PACED_ONLY = ("tokens", "channel")  # the embedded voice has no seam there
