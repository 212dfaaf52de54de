"""Every error of the client has a kind that doors can word."""

from __future__ import annotations

import grpc
import pytest

from gapless import client as face
from gapless.client import AccessDenied, ClientError, ServerBusy
from gapless.doors.http.errors import response_of
from gapless.doors.refusals import Kind, kind_of

ERRORS = [one for one in vars(face).values() if isinstance(one, type) and issubclass(one, ClientError)]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_of_the_client_has_a_kind_and_an_answer(error: type[ClientError]) -> None:
    made = error("what happened")
    assert kind_of(made) in Kind
    assert response_of(made).status >= 400


def test_codes_tell_kinds_apart() -> None:
    unauthenticated = AccessDenied("", code=grpc.StatusCode.UNAUTHENTICATED)
    denied = AccessDenied("", code=grpc.StatusCode.PERMISSION_DENIED)
    draining = ServerBusy("", code=grpc.StatusCode.UNAVAILABLE)
    assert [kind_of(one) for one in (unauthenticated, denied, draining, ServerBusy(""))] == [
        Kind.NO_TOKEN,
        Kind.NOT_ALLOWED,
        Kind.CLOSING,
        Kind.BUSY,
    ]


def test_who_must_wait_is_told_how_long() -> None:
    busy = response_of(ServerBusy("full", code=grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after_s=2.4))
    assert (busy.status, busy.headers["Retry-After"], busy.headers["Retry-After-Ms"]) == (429, "3", "2400")
    assert "Retry-After" not in response_of(ClientError("broken")).headers
