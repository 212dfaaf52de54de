"""`python -m service.healthcheck`: exit status 0 if the service of this machine serves. For containers.

It asks where GAPLESS_ADDRESS says that the service listens, in plain text, and never through a proxy.
"""

from __future__ import annotations

import os
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

DEFAULT_ADDRESS = "127.0.0.1:50051"
TIMEOUT_S = 2.0
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # can be listened on, but not be dialled everywhere


def target(address: str) -> str:
    """Where to dial a service that listens on `address`: host:port, or a Unix socket."""
    if address.startswith(("unix:", "unix-abstract:")):
        return address
    host, _, port = address.rpartition(":")
    return f"{_EVERY_INTERFACE.get(host, host)}:{port}"


def main() -> int:
    address = os.environ.get("GAPLESS_ADDRESS") or DEFAULT_ADDRESS
    with grpc.insecure_channel(target(address), [("grpc.enable_http_proxy", 0)]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            sys.stderr.write(f"not serving on {address}: {error.code().name}: {error.details()}\n")
            return 1
    return 0 if reply.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main())
