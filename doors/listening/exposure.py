"""Where a service may listen: beyond loopback only with TLS and tokens, unless somebody waives them by name."""

from __future__ import annotations

import ipaddress

from .errors import ListeningError

_UNIX = ("unix:", "unix-abstract:")


def check(
    address: str, *, tls: bool, tokens: bool, insecure: bool, anonymous: bool, token_flag: str = "--token-file"
) -> None:
    """Raises ListeningError that names the flags which are missing. `token_flag`: what makes callers show tokens."""
    if is_loopback(address):
        return
    missing = []
    if not tls and not insecure:
        missing.append("--tls-cert and --tls-key (or --insecure, where a proxy in front ends TLS)")
    if not tokens and not anonymous:
        missing.append(f"{token_flag} (or --anonymous, if anybody who can connect may speak)")
    if missing:
        raise ListeningError(f"{address} can be reached from other machines; it needs {' and '.join(missing)}")


def host_of(address: str) -> str:
    """The host of `address` (host:port, or unix:path, which is this machine)."""
    return "127.0.0.1" if address.startswith(_UNIX) else address.rpartition(":")[0].strip("[]")


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach `address`."""
    host = host_of(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
