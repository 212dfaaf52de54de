"""Certificates of a server, and of the clients that it trusts: PEM files, checked before anybody relies on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from .errors import ListeningError
from .reloading import Reloading


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    certificate: Path  # PEM: the server's certificate, then those that lead to its root
    key: Path  # PEM, without a passphrase
    client_ca: Path | None = None  # PEM: who may sign clients' certificates; None: clients need none

    @property
    def paths(self) -> list[Path]:
        return [path for path in (self.certificate, self.key, self.client_ca) if path is not None]


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """PEM of files that were found to belong together and to be valid now."""

    chain: bytes
    key: bytes
    client_ca: bytes | None


def load(files: TlsFiles) -> Certificates:
    """Raises ListeningError that names the file."""
    chain, key = _read(files.certificate), _read(files.key)
    certificate = _certificates(files.certificate, chain)[0]
    _check_dates(files.certificate, certificate)
    if _public_key(files.certificate, certificate) != _public_bytes(_private_key(files.key, key).public_key()):
        raise ListeningError(f"{files.key} is not the key of {files.certificate}")
    client_ca = None
    if files.client_ca is not None:
        client_ca = _read(files.client_ca)
        for authority in _certificates(files.client_ca, client_ca):
            _check_dates(files.client_ca, authority)
    return Certificates(chain=chain, key=key, client_ca=client_ca)


def watched(files: TlsFiles) -> Reloading[Certificates]:
    """Raises ListeningError."""
    return Reloading("TLS certificate", files.paths, lambda: load(files))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ListeningError(f"{path} cannot be read: {error.strerror}") from None


def _certificates(path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ListeningError(f"{path} holds no certificate in PEM form") from None


def _private_key(path: Path, pem: bytes) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise ListeningError(f"{path} is encrypted; give a key without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ListeningError(f"{path} holds no private key in PEM form") from None


def _check_dates(path: Path, certificate: x509.Certificate) -> None:
    now = datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        raise ListeningError(f"{path} expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if now < certificate.not_valid_before_utc:
        raise ListeningError(f"{path} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def _public_key(path: Path, certificate: x509.Certificate) -> bytes:
    try:
        return _public_bytes(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ListeningError(f"{path} has a key of an unknown kind: {error}") from None


def _public_bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
