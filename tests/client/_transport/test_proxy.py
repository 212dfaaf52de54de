"""Which proxy stands between the client and its server: our word for it, and what gRPC really does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from client import Client, ServerUnreachable
from client._transport.channels import Target
from client._transport.proxy import proxy_for
from client.cli import main as cli
from tests.client.fake_server import FakeServer

VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy")
DEAD = "http://127.0.0.1:1"
HOST = "speech.invalid"  # a name that nobody can have
SQUID = "http://squid:3128"


@contextmanager
def refusing_proxy() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the first line of each request that it refused."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(4096).decode().partition("\r\n")[0])
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, None),
        ({"http_proxy": SQUID}, "http_proxy"),
        ({"http_proxy": SQUID, "https_proxy": SQUID}, "https_proxy"),
        ({"http_proxy": SQUID, "https_proxy": SQUID, "grpc_proxy": SQUID}, "grpc_proxy"),
        ({"http_proxy": SQUID, "grpc_proxy": ""}, None),
        ({"https_proxy": "socks5://squid:1080"}, None),
        ({"https_proxy": SQUID, "no_proxy": "other.example, example.org"}, None),
        ({"https_proxy": SQUID, "no_proxy": "EXAMPLE.org"}, None),
        ({"https_proxy": SQUID, "no_proxy": "other.example"}, "https_proxy"),
        ({"https_proxy": SQUID, "no_proxy": "example.org", "no_grpc_proxy": "other"}, "https_proxy"),
    ],
)
def test_the_variables_are_read_as_grpc_reads_them(environ: dict[str, str], named: str | None) -> None:
    found = proxy_for("tts.example.org", environ)
    assert (found and found.variable) == named


@pytest.mark.parametrize(
    ("host", "exempt", "goes_through"),
    [
        ("10.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.99/24", False),
        ("11.1.2.3", "10.0.0.0/8", True),
        ("2001:db8::1", "2001:db8::/32", False),
        ("2001:db8::1", "10.0.0.0/8", True),
        ("tts.example.org", "10.0.0.0/8", True),
        ("10.1.2.3", "nonsense/8", True),
    ],
)
def test_networks_are_exempt(host: str, exempt: str, goes_through: bool) -> None:
    assert (proxy_for(host, {"http_proxy": SQUID, "no_proxy": exempt}) is not None) is goes_through


def test_a_password_of_the_proxy_is_not_said(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("https_proxy", "http://anna:secret@squid:3128")
    said = Target(address=f"{HOST}:50051").description
    assert said == f"{HOST}:50051 through the proxy squid:3128 (environment variable https_proxy)"


@pytest.mark.parametrize("variable", ["grpc_proxy", "https_proxy", "http_proxy"])
async def test_the_proxy_that_grpc_asked_is_named(environment: pytest.MonkeyPatch, variable: str) -> None:
    with refusing_proxy() as (address, asked):
        environment.setenv(variable, f"http://{address}")
        with pytest.raises(ServerUnreachable, match=rf"through the proxy {address} \(environment variable {variable}"):
            async with Client(f"{HOST}:50051", connect_timeout_s=3):
                pass
    assert asked[0].startswith(f"CONNECT {HOST}:50051 ")


@pytest.mark.parametrize("exempt", [HOST, "invalid", f"other.example, {HOST}"])
async def test_no_proxy_is_named_where_grpc_asks_none(environment: pytest.MonkeyPatch, exempt: str) -> None:
    with refusing_proxy() as (address, asked):
        environment.setenv("https_proxy", f"http://{address}")
        environment.setenv("no_proxy", exempt)
        with pytest.raises(ServerUnreachable) as told:
            async with Client(f"{HOST}:50051", connect_timeout_s=3):
                pass
    assert asked == []
    assert "proxy" not in str(told.value)


def test_doctor_names_the_proxy_and_says_how_to_do_without(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("http_proxy", DEAD)
    assert cli.main(["doctor", "--address", f"{HOST}:50051"]) == 1
    said = capsys.readouterr().out.split("\n")[:2]
    assert "the proxy 127.0.0.1:1 (environment variable http_proxy)" in said[0]
    assert "no_proxy" in said[1]


async def test_this_machine_is_reached_without_a_proxy(
    server: FakeServer, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `http_proxy` set, the client said that nobody is there."""
    for name in VARIABLES:
        environment.setenv(name, DEAD)
    async with Client(server.address) as client:
        await client.probe_clock()
        assert [chunk async for chunk in client.say("Hello.")]


def test_doctor_reaches_this_machine_without_a_proxy(
    server: FakeServer, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in VARIABLES:
        environment.setenv(name, DEAD)
    cli.main(["doctor", "--address", server.address])
    assert "bad   server" not in capsys.readouterr().out
