"""The command line: in a process of its own where standard input, signals or exit matter, else called directly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import soundfile

from client.cli import main as cli
from gapless.tts.v1 import tts_pb2 as pb
from tests.client.fake_server import FakeServer, Requests, Responses, speak, started
from tests.client.fake_server import Voice as FakeVoice

Run = Callable[..., tuple[int, str, str]]

PROMISED = ("ttfa_ms", "first_sound_ms", "audio_s", "rtf", "underruns", "chunks", "utterance_id", "seed", "sample_rate")


def start(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "client", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


@pytest.fixture
def run(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(command: str, *arguments: str) -> tuple[int, str, str]:
        code = cli.main([command, "--address", server.address, *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_say_writes_a_wav_file_and_one_line_of_json(server: FakeServer, tmp_path: Path) -> None:
    wav, picture = tmp_path / "out" / "said.wav", tmp_path / "said.svg"
    flags = ("--out", str(wav), "--timeline", str(picture), "--json", "--seed", "5", "--temperature", "0.3")
    process = start("say", *flags, "Hello", "there.", GAPLESS_CLIENT_ADDRESS=server.address)
    out, err = (stream.decode() for stream in process.communicate(timeout=30))
    figures = json.loads(out)
    assert process.returncode == 0
    assert out.count("\n") == 1
    assert all(figures[name] is not None for name in PROMISED)
    assert (figures["seed"], figures["sample_rate"], figures["playback"]) == (5, 24000, "simulated")
    assert soundfile.info(wav).frames == figures["samples"] == round(figures["audio_s"] * 24000)
    assert "T3" in err
    assert picture.read_text().startswith("<svg")
    config = server.requests[0].config
    assert config.sampling.seed == 5
    assert config.sampling.temperature == pytest.approx(0.3)
    assert config.streaming.HasField("max_lead"), "nobody listens to a file: as fast as possible"
    assert not config.streaming.max_lead.ToNanoseconds()


def test_say_tells_what_the_text_is_written_in(run: Run, server: FakeServer, tmp_path: Path) -> None:
    flags = ("--out", str(tmp_path / "said.wav"), "--text-format", "markdown", "--code-blocks", "skip")
    code, _, _ = run("say", *flags, "# Hello there.")
    config = server.requests[0].config
    assert (code, config.text_format, config.code_blocks) == (0, pb.TEXT_FORMAT_MARKDOWN, pb.CODE_BLOCKS_SKIP)


def test_where_the_time_went_is_explained_drawn_and_exported(run: Run, tmp_path: Path) -> None:
    wav, html, traced = tmp_path / "said.wav", tmp_path / "new" / "said.html", tmp_path / "said.json"
    flags = ("--out", str(wav), "--explain", "--report", str(html), "--trace", str(traced), "--json")
    code, out, err = run("say", *flags, "Hello there.")
    figures = json.loads(out)
    assert code == 0
    assert figures["verdict"]["hop"]
    assert [budget["name"] for budget in figures["budgets"]][:1] == ["first_sound"]
    assert "from text complete to the first audible sample" in err
    assert html.read_text().startswith("<!doctype html>")
    assert json.loads(traced.read_text())["traceEvents"]


def test_clean_utterances_teach_what_is_normal(run: Run, tmp_path: Path) -> None:
    normal, flags = tmp_path / "normal.jsonl", ("--out", str(tmp_path / "said.wav"), "--json")
    verdicts = [json.loads(run("say", *flags, "--normal", str(normal), "Hello there.")[1])["verdict"] for _ in range(4)]
    assert [verdict["normal"] for verdict in verdicts[:3]] == ["this utterance"] * 3  # too few to learn from
    if all(verdict["hop"] == "clean" for verdict in verdicts[:3]):  # else the machine is too busy
        assert verdicts[3]["normal"] == "learned"
        assert normal.read_text().count("\n") >= 3


def test_a_file_that_teaches_nothing_is_an_error(run: Run, tmp_path: Path) -> None:
    normal = tmp_path / "normal.jsonl"
    normal.write_text("{}\n")
    code, _, err = run("say", "--out", str(tmp_path / "said.wav"), "--normal", str(normal), "Hello there.")
    assert (code, err.count("\n")) == (1, 1)
    assert str(normal) in err


def test_a_pipe_is_spoken_while_it_is_being_written(server: FakeServer, tmp_path: Path) -> None:
    """The first sentence is with the server while the pipe is still open; a character cut in two arrives whole."""
    target = str(tmp_path / "x.wav")
    process = start("say", "-", "--out", target, "--json", "--quiet", GAPLESS_CLIENT_ADDRESS=server.address)
    assert process.stdin
    word = "Hällo.".encode()
    for piece in (word[:2], word[2:]):
        process.stdin.write(piece)
        process.stdin.flush()
        time.sleep(0.2)
    deadline = time.monotonic() + 10
    while "".join(request.text.text for request in server.requests) != "Hällo.":
        assert time.monotonic() < deadline, server.requests
        time.sleep(0.02)
    assert "end_of_input" not in server.events()
    out, err = process.communicate(b" More.", timeout=10)
    assert process.returncode == 0
    assert json.loads(out)["usage"]["input_characters"] == 12
    assert err == b""


def test_errors_are_one_line_on_stderr_and_exit_1(run: Run, tmp_path: Path) -> None:
    target = str(tmp_path / "x.wav")
    for arguments, words in (
        (("say", "--voice", "bob", "--out", target, "Hi."), "available: anna, karl"),
        (("say", "--out", target, ""), "no speakable text"),
        (("say", "--out", "/proc/x.wav", "Hi."), "cannot write /proc/x.wav"),
        (("voices", "--address", "127.0.0.1:1"), "python -m service"),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (1, ""), arguments
        assert err.count("\n") == 1
        assert err.startswith("error: ")
        assert words in err
    assert not Path(target).exists()


def test_text_that_is_not_utf8_is_one_clear_error(server: FakeServer, tmp_path: Path) -> None:
    process = start("say", "-", "--out", str(tmp_path / "x"), GAPLESS_CLIENT_ADDRESS=server.address)
    _, err = process.communicate(b"a\xff", timeout=30)
    assert process.returncode == 1
    assert b"not UTF-8" in err
    assert err.count(b"\n") == 1


def test_ctrl_c_cancels_the_utterance_and_exits_130(server: FakeServer, tmp_path: Path) -> None:
    def endless(requests: Requests, context: grpc.ServicerContext) -> Responses:
        voice = FakeVoice(next(requests).config)
        yield started(pb.SynthesisConfig(), voice)
        while context.is_active():
            yield from voice.speak("x")

    server.script = endless
    process = start("say", "--out", str(tmp_path / "x.wav"), "Hi.", GAPLESS_CLIENT_ADDRESS=server.address)
    deadline = time.monotonic() + 10
    while not (tmp_path / "x.wav").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=5)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert server.stream_over.wait(2)


def test_warnings_of_the_server_are_shown(server: FakeServer, run: Run, tmp_path: Path) -> None:
    def warning(requests: Requests, context: grpc.ServicerContext) -> Responses:
        yield pb.SynthesizeResponse(warning=pb.Warning(reason="DRAINING", message="soon gone"))
        yield from speak(requests, context)

    server.script = warning
    _, _, err = run("say", "--quiet", "--out", str(tmp_path / "x.wav"), "Hi.")
    assert err == "warning: soon gone (DRAINING)\n"


def test_voices_and_info_are_printed_for_people_and_for_programs(run: Run) -> None:
    assert "karl" in run("voices")[1]
    assert [voice["name"] for voice in json.loads(run("voices", "--json")[1])] == ["anna", "karl"]
    table = run("voices")[1]
    assert "karl            en        model    3.0 MiB     A man. (default)\n" in table
    assert "anna            3 lang.   created  not loaded  A woman.\n" in table
    assert "playback_reports yes" in run("info")[1]
    assert "en, de" in run("info")[1]
    assert json.loads(run("info", "--json")[1])["model"] == "tone"


def test_a_voice_is_added_and_removed(server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["voice", *arguments, "--address", server.address])
        return code, *capsys.readouterr()

    file = tmp_path / "mary.wav"
    file.write_bytes(bytes(range(250)) * 3000)
    code, out, err = run("add", "mary", str(file), "--description", "Me.")
    assert (code, err) == (0, "warning: the recording is noisy\n")
    assert out.startswith("mary ")
    assert server.uploaded[0].config == pb.NewVoice(name="mary", description="Me.")
    assert b"".join(request.audio for request in server.uploaded[1:]) == file.read_bytes()
    assert run("remove", "mary", "--json")[:2] == (0, '{"removed": "mary"}\n')
    assert server.deleted == ["mary"]
    code, out, err = run("add", "mary", str(tmp_path / "none.wav"))
    assert (code, out, err) == (1, "", f"error: cannot read {tmp_path / 'none.wav'}: No such file or directory\n")


@pytest.mark.parametrize("command", [[], ["say"], ["voices"], ["voice"], ["voice", "add"], ["info"]])
def test_help_reads_without_a_server(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([*command, "--help"])
    assert caught.value.code == 0
    assert "usage:" in capsys.readouterr().out
