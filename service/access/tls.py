"""Certificates of the server, and of the clients that it trusts, as gRPC's credentials.

gRPC asks for the certificates at each handshake, so a replaced file holds for the next connection, and connections
that exist go on.
"""

from __future__ import annotations

from typing import Any

import grpc

from gapless.doors.listening.certificates import Certificates
from gapless.doors.listening.reloading import Reloading


def server_credentials(certificates: Reloading[Certificates]) -> grpc.ServerCredentials:
    """Credentials that follow the files. Whether clients need a certificate is fixed at start."""
    given = certificates.value

    def fetch() -> Any:  # a configuration, or None for no change, which the stubs do not know
        nonlocal given
        if certificates.value is given:
            return None
        given = certificates.value
        return _configuration(given)

    return grpc.dynamic_ssl_server_credentials(_configuration(given), fetch, given.client_ca is not None)


def _configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    pair = (certificates.key, certificates.chain)
    return grpc.ssl_server_certificate_configuration([pair], certificates.client_ca)
