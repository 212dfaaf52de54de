"""The sound device: its rates and streams, and a resampler for it. What follows its loss is in player.py.

PortAudio is reached through `sounddevice`, which is imported only when something is played.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..audio import Samples
from ..errors import PlaybackUnavailable

_OR_A_FILE = "--out FILE.wav writes a file"
_HELD_S = 0.1  # more than the resampler ever holds back
_INVALID_SAMPLE_RATE = -9997  # PortAudio's code


def load_sounddevice() -> ModuleType:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the package is there, the PortAudio library is not
        raise PlaybackUnavailable(
            f"playing needs PortAudio ({error}): `apt install libportaudio2` (Debian, Ubuntu) or "
            f"`brew install portaudio` (macOS), then `pip install sounddevice`; {_OR_A_FILE} without it"
        ) from error
    module: ModuleType = sounddevice
    return module


def open_stream(sounddevice: ModuleType, rate: int, callback: Callable[..., None], finished: Callable[[], None]) -> Any:
    """A mono float32 stream of the default device, not started. None if the device does not take that rate."""
    try:
        return sounddevice.OutputStream(
            samplerate=rate, channels=1, dtype="float32", callback=callback, finished_callback=finished
        )
    except sounddevice.PortAudioError as error:
        if error.args[-1] == _INVALID_SAMPLE_RATE:
            return None
        raise PlaybackUnavailable(f"the audio device does not open: {error}; {_OR_A_FILE}") from error


def own_rate(sounddevice: ModuleType) -> int:
    """Of the default device, Hz."""
    try:
        rate: float = sounddevice.query_devices(kind="output")["default_samplerate"]
    except (sounddevice.PortAudioError, ValueError) as error:
        raise PlaybackUnavailable(f"no audio device to play on ({error}); {_OR_A_FILE}") from error
    return round(rate)


def refresh_devices(sounddevice: ModuleType) -> None:
    """PortAudio lists the devices once, when it is initialised. Ends all its streams in this process."""
    sounddevice._terminate()
    sounddevice._initialize()


def device_rate(native: int, offered: Sequence[int]) -> int:
    """The rate to ask the server for, in Hz, so that the default device plays it as it comes."""
    sounddevice = load_sounddevice()
    preferred = own_rate(sounddevice)

    def takes(rate: int) -> bool:
        try:
            sounddevice.check_output_settings(channels=1, dtype="float32", samplerate=rate)
        except (sounddevice.PortAudioError, ValueError):
            return False
        return True

    return choose_rate(native, offered, preferred, takes)


def choose_rate(native: int, offered: Sequence[int], preferred: int, takes: Callable[[int], bool]) -> int:
    """The model's own rate where the device takes it, else the device's own, else the highest that both know; else the
    model's own again, and the player resamples."""
    known = (native, preferred, *sorted(offered, reverse=True))
    return next((rate for rate in known if rate in offered and takes(rate)), native)


class Resampler:
    """Sound at the utterance's rate -> sound at the device's, where the device takes only its own. float32 mono.

    This is soxr's HQ with carried state, so how the sound was cut into chunks does not show. It holds back some
    milliseconds until more comes or the end does. soxr is imported only where it is needed.
    """

    def __init__(self, rate: int, target: int) -> None:
        import soxr

        self.held = round(_HELD_S * target)  # samples that `rest` gives at most
        self._stream = soxr.ResampleStream(rate, target, 1, dtype="float32", quality="HQ")

    def __call__(self, samples: Samples) -> Samples:
        """[N] -> what is known of it by now [M]"""
        made: Samples = self._stream.resample_chunk(samples)
        return made

    def rest(self) -> Samples:
        """What was held back. The last call."""
        made: Samples = self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
        return made

    @staticmethod
    def whole(samples: Samples, rate: int, target: int) -> Samples:
        import soxr

        made: Samples = soxr.resample(samples, rate, target, quality="HQ")
        return made
