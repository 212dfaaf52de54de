"""Pronunciations and the speaking rate, from Python and from a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from client._wire import config_to
from client.cli import main as cli
from gapless.tts.v1 import tts_pb2 as pb
from tests.client.fake_server import FakeServer


def test_slashes_mark_phonemes() -> None:
    config = config_to({"pronunciations": {"Nevada": "nuh-VAH-duh", "Goethe": "/ˈɡɜːrtə/", "and/or": "either"}})
    assert list(config.pronunciations) == [
        pb.Pronunciation(word="Nevada", respelling="nuh-VAH-duh"),
        pb.Pronunciation(word="Goethe", phonemes="ˈɡɜːrtə"),
        pb.Pronunciation(word="and/or", respelling="either"),
    ]
    assert not config.HasField("speaking_rate")


def test_the_command_line_sends_them(server: FakeServer, tmp_path: Path) -> None:
    words = ["--pronounce", "Nevada=nuh-VAH-duh", "--pronounce", "a=b=see", "--speaking-rate", "1.5"]
    assert (
        cli.main(["say", "--address", server.address, "--quiet", *words, "--out", str(tmp_path / "x.wav"), "Hi."]) == 0
    )
    config = server.requests[0].config
    assert [(each.word, each.respelling) for each in config.pronunciations] == [
        ("Nevada", "nuh-VAH-duh"),
        ("a=b", "see"),
    ]
    assert config.speaking_rate == 1.5


def test_what_is_no_pronunciation_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["say", "--pronounce", "Nevada", "Hi."])
    assert "--pronounce" in capsys.readouterr().err
