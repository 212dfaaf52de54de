"""PortAudio through `sounddevice`, imported only when something is played: its rates, its streams, its loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from ..errors import PlaybackUnavailable

_OR_A_FILE = "--out FILE.wav writes a file"
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


def look_again(sounddevice: ModuleType) -> None:
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
