"""`python -m service` as a process, with the real engine over a tiny model: its one line, signals, exit status."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from tests.e2e.outside import ROOT
from tests.engine.tiny import write_tiny_model
from tests.recordings import recording

READY = re.compile(r"gapless: serving (\S+) \(voices (.+)\) on (127\.0\.0\.1:\d+)\n")
METRICS = re.compile(r"http://127\.0\.0\.1:\d+/metrics")
FOREIGN_DEVICE = "cuda" if sys.platform == "darwin" else "mps"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def process(model: Path) -> Iterator[subprocess.Popen[str]]:
    flags = ["--address", "127.0.0.1:0", "--model", str(model), "--drain-timeout", "20"]
    command = [sys.executable, "-m", "service", *flags]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def address_of(process: subprocess.Popen[str]) -> str:
    """From the one line on standard output, which comes when the model is warm."""
    assert process.stdout is not None
    ready = READY.fullmatch(process.stdout.readline())
    assert ready, process.stderr and process.stderr.read()
    return ready[3]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", *map(str, arguments), "--log-level", "warning"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def refusal_after_the_signal(stub: tts_pb2_grpc.TextToSpeechServiceStub) -> grpc.StatusCode:
    """Calls without text are refused for want of text, or of a place, until none is admitted any more."""
    before = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)
    while True:
        with pytest.raises(grpc.RpcError) as refused:
            list(stub.Synthesize(iter([pb.SynthesizeRequest(config=pb.SynthesisConfig())]), timeout=5))
        if (code := refused.value.code()) not in before:
            return code


def test_sigterm_lets_a_running_utterance_finish(process: subprocess.Popen[str]) -> None:
    more_text = threading.Event()

    def requests() -> Iterator[pb.SynthesizeRequest]:
        yield pb.SynthesizeRequest(config=pb.SynthesisConfig())
        yield pb.SynthesizeRequest(text=pb.Text(text="Hello there. "))
        more_text.wait(20)
        yield pb.SynthesizeRequest(text=pb.Text(text="And more."))

    with grpc.insecure_channel(address_of(process)) as channel:
        stub = tts_pb2_grpc.TextToSpeechServiceStub(channel)
        call = stub.Synthesize(requests(), timeout=30)
        assert next(call).HasField("started")
        process.send_signal(signal.SIGTERM)
        assert refusal_after_the_signal(stub) is grpc.StatusCode.UNAVAILABLE
        more_text.set()
        assert list(call)[-1].finished.reason == pb.FINISH_REASON_COMPLETED
    assert process.wait(timeout=40) == 0


def test_metrics_of_a_process_are_scraped_and_end_with_it(model: Path) -> None:
    flags = ["--address", "127.0.0.1:0", "--metrics-port", "0", "--model", str(model)]
    command = [sys.executable, "-m", "service", *flags]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        url = next(found[0] for line in process.stderr if (found := METRICS.search(line)))
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        with grpc.insecure_channel(address_of(process)) as channel:
            stub = tts_pb2_grpc.TextToSpeechServiceStub(channel)
            text = pb.SynthesizeRequest(text=pb.Text(text="Hello there."))
            list(stub.Synthesize(iter([pb.SynthesizeRequest(config=pb.SynthesisConfig()), text]), timeout=30))
            limit = stub.GetServerInfo(pb.GetServerInfoRequest()).limits.max_utterances
        page = urllib.request.urlopen(url, timeout=5).read().decode()
        assert 'gapless_utterances_total{code="OK",reason="COMPLETED"} 1.0' in page
        assert f"gapless_utterances_limit {limit}.0" in page
        assert "gapless_t3_busy_seconds_total" in page
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=40) == 0
        drain.join()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)


def test_a_second_signal_stops_at_once(process: subprocess.Popen[str]) -> None:
    with grpc.insecure_channel(address_of(process)) as channel:
        open_end = threading.Event()

        def requests() -> Iterator[pb.SynthesizeRequest]:
            yield pb.SynthesizeRequest(config=pb.SynthesisConfig())
            open_end.wait(20)

        call = tts_pb2_grpc.TextToSpeechServiceStub(channel).Synthesize(requests(), timeout=30)
        assert next(call).HasField("started")
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert any("draining" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=40) == 0
        open_end.set()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--model", "{empty}"), "is no model directory"),
        (("--model", "{empty}/none"), "no such directory"),
        (("--device", FOREIGN_DEVICE), f"--device {FOREIGN_DEVICE} is not available"),
        (("--dtype", "int4"), "--dtype int4: "),
        (("--variant", "giant"), "unknown variant 'giant'; possible: base"),
        (("--form", "windowed"), "was trained for 'cached'"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_served_is_one_clear_line(tmp_path: Path, flags: tuple[str, ...], says: str) -> None:
    result = run("--address", "127.0.0.1:0", *(flag.format(empty=tmp_path) for flag in flags))
    assert result.returncode == 1
    assert result.stderr.startswith("gapless: ")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_voices_are_listed_without_a_server(model: Path, tmp_path: Path) -> None:
    result = run("voice", "list", "--model", model, "--voices", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("one             model")


def test_a_model_that_cannot_clone_says_so(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mary.wav"
    file.write_bytes(recording(2.0))
    result = run("voice", "add", "mary", file, "--model", model, "--voices", tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("gapless: ")
    assert "cannot clone" in result.stderr
    assert result.stderr.count("\n") == 1


def test_while_the_model_is_loaded_every_call_is_told_so_and_one_signal_ends_it(model: Path, tmp_path: Path) -> None:
    """A client waited for its own deadline, and three SIGTERMs were ignored until the model was there."""
    slow = "import sys, time; from service import __main__ as s; s._load = lambda _: time.sleep(60); sys.exit(s.main())"
    address = f"unix:{tmp_path}/gapless"
    with subprocess.Popen([sys.executable, "-c", slow, "--address", address], cwd=ROOT) as process:
        with grpc.insecure_channel(address) as channel:
            stub = tts_pb2_grpc.TextToSpeechServiceStub(channel)
            with pytest.raises(grpc.RpcError) as refused:
                stub.GetServerInfo(pb.GetServerInfoRequest(), wait_for_ready=True, timeout=30)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert "loading" in (refused.value.details() or "")
            health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
            assert health.status == health_pb2.HealthCheckResponse.UNKNOWN
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
