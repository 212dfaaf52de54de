"""The whole way, with a real service, a real relay and a device in real time: what is delayed is what is blamed.

The benchmark does this at length (`python -m benchmarks.attribution.fault_injection`); here, one trial of the
kinds that look alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.attribution.fault_injection import run
from benchmarks.attribution.fault_kinds import KINDS
from benchmarks.support.faulty_service import Service, faulty_service
from benchmarks.support.tcp_relay import Relay, relay

AFTER_S, FOR_S = 0.5, 0.6
TOLERANCE_MS = 150  # generous: the machine may be busy; the benchmark is strict

pytestmark = [pytest.mark.slow, pytest.mark.real_time]


@pytest.fixture(scope="module", params=[0.0, 3.0], ids=["clocks agree", "server 3 s ahead"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Service, Relay]]:
    with faulty_service(clock_shift_s=request.param) as service, relay(service.address) as network:
        yield service, network


@pytest.mark.parametrize("kind", ["server_loop", "client_reader", "network_down", "t3", "client_loop"])
async def test_the_hop_that_was_delayed_is_blamed(place: tuple[Service, Relay], kind: str) -> None:
    analysis, struck = await run(kind, *place, AFTER_S, FOR_S)
    assert struck
    assert analysis.verdict.hop == KINDS[kind].hop
    assert analysis.verdict.ms == pytest.approx(1e3 * FOR_S, abs=TOLERANCE_MS)
    assert all(budget.explained >= 0.95 for budget in analysis.budgets)
