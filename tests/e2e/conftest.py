"""A real service, `python -m service` with the embedded voice, in a process of its own; one for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.support.service_process import service


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with service("--max-utterances", "4", "--deterministic") as bound:
        yield bound
