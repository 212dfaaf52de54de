"""Asks the standard health service, as an orchestrator would. Needs no stubs: both messages are a byte or two."""

from __future__ import annotations

from .channels import Target, blocking_channel

_METHOD = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}


def is_serving(target: Target, timeout_s: float) -> bool:
    """Blocks. Raises grpc.RpcError if the service does not answer."""
    with blocking_channel(target) as channel:
        check = channel.unary_unary(_METHOD, request_serializer=_unchanged, response_deserializer=_unchanged)
        return bool(check(b"", timeout=timeout_s) == _SERVING)


def _unchanged(message: bytes) -> bytes:
    return message
