"""docs/security.md lists every port that the service opens: here all are opened, and each is tried."""

from __future__ import annotations

import http.client
import ipaddress
import os
import re
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from service.access import tokens
from service.access.caller import Caller
from tests.service.access.certificates import Authority

PAGE = Path(__file__).parents[3] / "docs" / "security.md"
LISTENS = "0A"  # the state of a listening socket in /proc/net/tcp
LOOPBACK = "127.0.0.1"


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service with the embedded voice, ready, and what it logged until then."""
    command = [sys.executable, "-m", "service", "--address", "127.0.0.1:0", "--max-utterances", "1", *arguments]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GAPLESS_")}
    log: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**environ, "OMP_NUM_THREADS": "1"}
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                log.append(line)
                if line.startswith("gapless: "):
                    break
            yield process, "".join(log)
        finally:
            process.terminate()


def listening(process: int) -> set[tuple[str, int]]:
    """The addresses on which a process of this machine listens: whatever its flags and its log say."""
    sockets = set()
    for entry in Path(f"/proc/{process}/fd").iterdir():
        found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry))
        if found:
            sockets.add(found[1])
    opened = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and fields[9] in sockets:
                host, _, port = fields[1].partition(":")
                opened.add((address_of(host), int(port, 16)))
    return opened


def address_of(written: str) -> str:
    """The kernel writes words of 32 bits, the lowest byte first; gRPC listens on IPv4 through IPv6."""
    words = struct.unpack(f"<{len(written) // 8}I", bytes.fromhex(written))
    address = ipaddress.ip_address(struct.pack(f">{len(words)}I", *words))
    return str((address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address)


def port_after(text: str, log: str) -> int:
    return int(re.findall(rf"{text}\D*127\.0\.0\.1:(\d+)", log)[0])


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="this system does not list its sockets in /proc")
def test_the_page_lists_every_port_that_is_opened(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue().write(tmp_path, "server")
    tokens.create(tmp_path / "tokens.toml", Caller(name="a"))
    flags = ("--tls-cert", str(certificate), "--tls-key", str(key), "--token-file", str(tmp_path / "tokens.toml"))
    with running(*flags, "--health-address", "0", "--metrics-port", "0") as (process, log):
        ports = {
            "`--address`": port_after(r"serving .* on", log),
            "`--health-address`": port_after("health alone", log),
            "`--metrics-port`": port_after("metrics on", log),
        }
        assert listening(process.pid) == {(LOOPBACK, port) for port in ports.values()}
        credentials = grpc.ssl_channel_credentials(authority.pem)
        rows = [
            f"| {flag} | {grpc_answers(port, credentials)} | {grpc_answers(port, None)} | {http_answers(port)} |"
            for flag, port in ports.items()
        ]
    listed = PAGE.read_text().split("<!-- ports -->\n")[1].split("<!-- /ports -->")[0].splitlines()[2:]
    assert [re.sub(r"(\|[^|]*)\|[^|]*", r"\1", line, count=1) for line in listed] == rows


def test_one_port_is_opened_where_no_other_is_asked_for() -> None:
    with running() as (process, log):
        assert listening(process.pid) == {(LOOPBACK, port_after(r"serving .* on", log))}


def grpc_answers(port: int, credentials: grpc.ChannelCredentials | None) -> str:
    """What a caller without a token gets."""
    address = f"{LOOPBACK}:{port}"
    with grpc.secure_channel(address, credentials) if credentials else grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError:
            return "no"
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        try:
            tts_pb2_grpc.TextToSpeechServiceStub(channel).GetServerInfo(pb.GetServerInfoRequest(), timeout=5)
        except grpc.RpcError as error:
            return {
                grpc.StatusCode.UNAUTHENTICATED: "health; all else with a token",
                grpc.StatusCode.UNIMPLEMENTED: "health, and nothing else",
            }[error.code()]
    return "everything"


def http_answers(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=5) as answer:
            return "metrics" if b"gapless" in answer.read() else "something"
    except (OSError, http.client.HTTPException):
        return "no"
