"""`python -m service voice ...`: what it does to the stored voices, and what it says."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from engine.errors import InvalidRequest, UnknownVoice, VoiceExists
from service import voice_command
from service.options import VoiceCommand
from tests.fakes import ScriptedEngine
from tests.recordings import recording

LIMIT = 1 << 20


def run(desk: ScriptedEngine, **command: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    voice_command.run(VoiceCommand(**command), desk, LIMIT, out, err)  # type: ignore[arg-type]
    return out.getvalue(), err.getvalue()


def add(desk: ScriptedEngine, tmp_path: Path, audio: bytes, name: str = "mary") -> tuple[str, str]:
    file = tmp_path / "mary.wav"
    file.write_bytes(audio)
    return run(desk, action="add", name=name, file=file, description="Me.")


def test_a_voice_is_added_listed_and_removed(tmp_path: Path) -> None:
    desk = ScriptedEngine()
    assert add(desk, tmp_path, recording()) == ("mary            created  Me.\n", "")
    assert desk.cloned[0].audio == recording()
    assert run(desk, action="list") == (
        "anna            model    scripted anna\nkarl            model    scripted karl\n"
        "mary            created  Me.\n",
        "",
    )
    assert run(desk, action="remove", name="mary") == ("removed mary\n", "")
    assert [voice.name for voice in desk.voices()] == ["anna", "karl"]


def test_warnings_do_not_mix_with_results(tmp_path: Path) -> None:
    out, err = add(ScriptedEngine(), tmp_path, recording(peak=1.0))
    assert out.startswith("mary")
    assert err == "warning: the recording is clipped\n"


def test_refusals_come_from_the_engine_as_they_are(tmp_path: Path) -> None:
    desk = ScriptedEngine()
    with pytest.raises(InvalidRequest, match="no name for a voice"):
        add(desk, tmp_path, recording(), name="../mary")
    with pytest.raises(VoiceExists):
        add(desk, tmp_path, recording(), name="anna")
    with pytest.raises(UnknownVoice):
        run(desk, action="remove", name="nobody")


def test_files_that_cannot_be_taken_are_said(tmp_path: Path) -> None:
    desk = ScriptedEngine()
    with pytest.raises(InvalidRequest, match=r"cannot read .*none.wav: No such file"):
        run(desk, action="add", name="mary", file=tmp_path / "none.wav")
    with pytest.raises(InvalidRequest, match="cannot read"):
        run(desk, action="add", name="mary", file=tmp_path)
    with pytest.raises(InvalidRequest, match="more than 1048576 bytes"):
        add(desk, tmp_path, bytes(LIMIT + 1))
    assert not desk.cloned
