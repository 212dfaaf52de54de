"""Raw audio of the wire -> samples and WAV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from client.audio import AUDIBLE, Encoding, WavFile, first_audible, to_float32, to_int16
from client.errors import ClientError

S16 = np.array([0, 1, -1, 32767, -32768], dtype="<i2")


def test_s16_is_exact_both_ways() -> None:
    np.testing.assert_array_equal(to_int16(S16.tobytes(), Encoding.S16), S16)
    np.testing.assert_array_equal(to_float32(S16.tobytes(), Encoding.S16) * 32768, S16)
    np.testing.assert_array_equal(to_int16(to_float32(S16.tobytes(), Encoding.S16).tobytes(), Encoding.F32), S16)


def test_f32_is_a_view_and_clips_as_integers() -> None:
    loud = np.array([0.5, 2.0, -2.0], dtype="<f4")
    pcm = loud.tobytes()
    np.testing.assert_array_equal(to_float32(pcm, Encoding.F32), loud)
    assert not to_float32(pcm, Encoding.F32).flags.owndata
    np.testing.assert_array_equal(to_int16(pcm, Encoding.F32), [16384, 32767, -32768])


@pytest.mark.parametrize(("encoding", "silence"), [(Encoding.MULAW, 0xFF), (Encoding.ALAW, 0xD5)])
def test_g711_decodes_to_its_published_levels(encoding: Encoding, silence: int) -> None:
    """All 256 codes: silence is silence, the halves mirror each other, and full scale is that of ITU-T G.711."""
    levels = to_int16(bytes(range(256)), encoding)
    assert abs(int(to_int16(bytes([silence]), encoding)[0])) <= 8
    np.testing.assert_array_equal(levels[:128], -levels[128:])
    assert int(np.abs(levels.astype(int)).max()) == (32124 if encoding is Encoding.MULAW else 32256)


def test_sound_begins_above_minus_50_dbfs() -> None:
    assert first_audible(np.array([0, AUDIBLE * 0.99, -AUDIBLE * 1.01], dtype=np.float32)) == 2
    assert first_audible(np.zeros(4, dtype=np.float32)) is None


@pytest.mark.parametrize(
    ("encoding", "subtype"), [("pcm_s16le", "PCM_16"), ("pcm_f32le", "FLOAT"), ("mulaw", "ULAW"), ("alaw", "ALAW")]
)
def test_a_wav_file_holds_what_came_in_its_own_encoding(tmp_path: Path, encoding: str, subtype: str) -> None:
    kind = Encoding(encoding)
    pcm = S16.tobytes() if kind is not Encoding.F32 else np.array([0.25, -0.5], dtype="<f4").tobytes()
    path = tmp_path / "new" / "file.wav"
    with WavFile(path, kind, 8000) as wav:
        wav.write(pcm)
        wav.write(pcm)
    info = soundfile.info(path)
    assert (info.subtype, info.samplerate, info.channels) == (subtype, 8000, 1)
    read, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(read, np.tile(to_float32(pcm, kind), 2))


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClientError, match=r"cannot write .*x\.wav"):
        WavFile(tmp_path / "file" / "x.wav", Encoding.S16, 8000)
