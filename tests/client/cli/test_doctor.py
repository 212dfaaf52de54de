"""The doctor finds what is wrong and says what to do."""

from __future__ import annotations

import json

import grpc
import pytest

from client._clock import Exchange, Span
from client._transport.channels import Target
from client.attribution.observations import Observations
from client.cli import main as cli
from client.cli.doctor import Check, Mark, health, line, load, loops, network
from tests.client.conftest import MS
from tests.client.fake_server import FakeServer
from tests.e2e.outside import scripted_service


def observations(*round_trips_ms: float, server_blocked_ms: float = 0.0) -> Observations:
    blocked = Span(0, round(server_blocked_ms * MS)) if server_blocked_ms else None
    return Observations(
        exchanges=tuple(
            Exchange(
                sent_ns=index * 100 * MS,
                server_received_ns=index * 100 * MS + round(took * MS / 2),
                server_sent_ns=index * 100 * MS + round(took * MS / 2),
                received_ns=index * 100 * MS + round(took * MS),
                server_blocked=blocked,
            )
            for index, took in enumerate(round_trips_ms)
        )
    )


def test_a_server_that_is_not_there_is_bad_and_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--address", "127.0.0.1:1"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("bad")
    assert "start the server" in out


def test_findings_are_json_for_programs(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["doctor", "--json", "--address", server.address])
    report = json.loads(capsys.readouterr().out)
    marks = {check["what"]: check["mark"] for check in report["findings"]}
    assert marks["server"] == "ok"
    assert marks["clock"] == "ok"
    assert "audio device" in marks


def test_health_is_what_the_service_says() -> None:
    with scripted_service() as address:
        assert health(Target(address=address)).mark is Mark.FINE


def test_a_server_without_health_service_works_all_the_same(server: FakeServer) -> None:
    check = health(Target(address=server.address))
    assert check.mark is Mark.POOR
    assert grpc.StatusCode.UNIMPLEMENTED.name in check.said


def test_a_full_server_is_bad() -> None:
    assert (load(3, 4).mark, load(4, 4).mark) == (Mark.FINE, Mark.BAD)


@pytest.mark.parametrize(
    ("round_trips_ms", "mark"), [((1, 1, 2), Mark.FINE), ((200, 210, 205), Mark.POOR), ((1, 1, 90), Mark.POOR)]
)
def test_the_way_to_the_server_is_judged(round_trips_ms: tuple[float, ...], mark: Mark) -> None:
    assert network(observations(*round_trips_ms))[0].mark is mark


def test_without_an_answer_the_network_is_bad() -> None:
    assert [check.mark for check in network(observations())] == [Mark.BAD]


def test_a_loop_that_stands_still_is_told_with_advice() -> None:
    server, client, reader = loops(observations(1, 1, server_blocked_ms=300))
    assert (server.mark, client.mark, reader.mark) == (Mark.POOR, Mark.FINE, Mark.FINE)
    assert "300 ms" in server.said


def test_a_line_has_its_advice_below_it() -> None:
    check = Check(mark=Mark.BAD, what="server", said="gone", advice="start it")
    assert line(check).splitlines()[1].strip() == "-> start it"
