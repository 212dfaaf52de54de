"""`python -m service.healthcheck`: exit status 0 if the service of this machine serves. For containers.

It asks where GAPLESS_HEALTH_ADDRESS says that health is told in plain text, else where GAPLESS_ADDRESS says that the
service listens. There it speaks TLS if the service does, and never goes through a proxy.
"""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import sys
from collections.abc import Mapping

import grpc
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

DEFAULT_ADDRESS = "127.0.0.1:50051"
TIMEOUT_S = 1.0  # of the look at the certificate, and of the question itself
_EVERY_INTERFACE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # listened on; dialled at loopback
_UNIX = "unix:"
_ABSTRACT = "unix-abstract:"
_NO_PROXY = ("grpc.enable_http_proxy", 0)


def target(address: str) -> str:
    """Where to dial a service that listens on `address`: host:port, a port of loopback, or a Unix socket."""
    if address.startswith((_UNIX, _ABSTRACT)):
        return address
    host, _, port = address.rpartition(":")
    return f"{_EVERY_INTERFACE.get(host, host)}:{port}"


def presented_certificate(address: str) -> str | None:
    """The certificate that the service at `address` shows, in PEM; None if it does not speak TLS, or nobody is there.

    It is not checked: the health of this machine's own service is no secret, and the name in its certificate is the
    one that others know it by.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with _connect(address) as plain, context.wrap_socket(plain) as secure:
            certificate = secure.getpeercert(binary_form=True)
    except OSError:
        return None
    return ssl.DER_cert_to_PEM_cert(certificate) if certificate else None


def _connect(address: str) -> socket.socket:
    if not address.startswith((_UNIX, _ABSTRACT)):
        host, _, port = address.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S)
    path = "\0" + address.removeprefix(_ABSTRACT) if address.startswith(_ABSTRACT) else address.removeprefix(_UNIX)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT_S)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def channel(address: str, certificate: str | None) -> grpc.Channel:
    """To a service that shows `certificate`, which is trusted for whatever name stands in it."""
    if certificate is None:
        return grpc.insecure_channel(address, [_NO_PROXY])
    pem = certificate.encode()
    name = ("grpc.ssl_target_name_override", _a_name(x509.load_pem_x509_certificate(pem)))
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(pem), [_NO_PROXY, name])


def _a_name(certificate: x509.Certificate) -> str:
    """One that the certificate is valid for; of a wildcard a name that it covers."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return str(common[0].value) if common else ""
    found = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return found[0].replace("*", "any", 1) if found else ""


def check(environ: Mapping[str, str]) -> str:
    """What is wrong, or nothing."""
    plain, secure = environ.get("GAPLESS_HEALTH_ADDRESS"), environ.get("GAPLESS_ADDRESS")
    address = target(plain or secure or DEFAULT_ADDRESS)
    certificate = None if plain else presented_certificate(address)
    with channel(address, certificate) as opened:
        try:
            reply = health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return f"not serving on {address}: {error.code().name}: {error.details()}{_advice(certificate)}"
    if reply.status == health_pb2.HealthCheckResponse.SERVING:
        return ""
    return f"not serving on {address}: {health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)}"


def _advice(certificate: str | None) -> str:
    if certificate is None:
        return ""
    return "; if it wants client certificates, give the service a --health-address, and here GAPLESS_HEALTH_ADDRESS"


def main() -> int:
    description, _, where = (__doc__ or "").partition("\n\n")
    argparse.ArgumentParser(prog="python -m service.healthcheck", description=description, epilog=where).parse_args()
    wrong = check(os.environ)
    if wrong:
        sys.stderr.write(f"{wrong}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
