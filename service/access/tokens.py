"""Tokens: 256 random bits that a caller shows with every call, and the file that says whose they are.

The file holds no token, only the SHA-256 of each, so whoever reads it cannot call. It is TOML, one table a token:

    [[token]]
    name = "agents"
    sha256 = "9f86d0..."
    utterances = 20              # at once; left out: only the server's own limit holds
    voice_mib = 100              # that its stored voices may take; left out: no limit of its own
    may_create_voices = true     # left out: false
    admin = false                # may delete voices of others; left out: false
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapless.doors.listening.reloading import Reloading
from service.access.caller import Caller
from service.access.errors import AccessError

PREFIX = "gapless_"  # so that secret scanners and people recognise one
_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MIB = 2**20
_KEYS = {"name": str, "sha256": str, "utterances": int, "voice_mib": int, "may_create_voices": bool, "admin": bool}


@dataclass(frozen=True)
class Tokens:
    """The callers by the SHA-256 of their token."""

    callers: Mapping[bytes, Caller]

    def caller(self, token: str) -> Caller | None:
        """Whose `token` is. Takes the same time whichever it is, and whether it is one."""
        digest, found = _digest(token), None
        for known, caller in self.callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def load(path: Path) -> Tokens:
    """Raises AccessError that names the entry and the key."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AccessError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AccessError(f"{path} is not TOML: {error}") from None
    entries = content.pop("token", [])
    if content or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise AccessError(f"{path}: only tables [[token]] are expected")
    callers: dict[bytes, Caller] = {}
    for number, entry in enumerate(entries, 1):
        digest, caller = _entry(entry, f"{path}: token {number}")
        if digest in callers or caller.name in {known.name for known in callers.values()}:
            raise AccessError(f"{path}: token {number}: its name or its sha256 stands twice")
        callers[digest] = caller
    return Tokens(callers)


def watched(path: Path) -> Reloading[Tokens]:
    """Raises AccessError."""
    return Reloading("token file", [path], lambda: load(path))


def create(path: Path, caller: Caller) -> str:
    """Adds a new token to the file, which need not exist, and returns it: it is nowhere else. Raises AccessError."""
    if not _NAME.fullmatch(caller.name):
        raise AccessError(f"{caller.name[:80]!r} is no name for a token; allowed: {_NAME.pattern}")
    known = load(path).callers.values() if path.exists() else ()
    if caller.name in {other.name for other in known}:
        raise AccessError(
            f"{path} has a token {caller.name!r} already; choose another name, or delete that entry first"
        )
    token = PREFIX + secrets.token_urlsafe(_BYTES)
    _append(path, _written(caller, _digest(token)))
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _entry(entry: dict[str, Any], where: str) -> tuple[bytes, Caller]:
    for key, value in entry.items():
        kind = _KEYS.get(key)
        if kind is None:
            raise AccessError(f"{where}: unknown key {key!r}; known: {', '.join(_KEYS)}")
        if type(value) is not kind or (isinstance(value, int) and value < 0):
            raise AccessError(f"{where}: {key} is {value!r}; wanted: {_wanted(kind)}")
    if not _NAME.fullmatch(entry.get("name", "")):
        raise AccessError(f"{where}: name is {entry.get('name')!r}; allowed: {_NAME.pattern}")
    if not _SHA256.fullmatch(entry.get("sha256", "")):
        raise AccessError(f"{where} ({entry['name']}): sha256 must be 64 hexadecimal digits in lower case")
    voice_mib = entry.get("voice_mib")
    return bytes.fromhex(entry["sha256"]), Caller(
        name=entry["name"],
        max_utterances=entry.get("utterances"),
        max_voice_bytes=None if voice_mib is None else voice_mib * _MIB,
        may_create_voices=entry.get("may_create_voices", False),
        is_admin=entry.get("admin", False),
    )


def _wanted(kind: type) -> str:
    return {str: "a string", int: "a whole number from 0", bool: "true or false"}[kind]


def _written(caller: Caller, digest: bytes) -> str:
    lines = ["[[token]]", f'name = "{caller.name}"', f'sha256 = "{digest.hex()}"']
    if caller.max_utterances is not None:
        lines.append(f"utterances = {caller.max_utterances}")
    if caller.max_voice_bytes is not None:
        lines.append(f"voice_mib = {caller.max_voice_bytes // _MIB}")
    if caller.may_create_voices:
        lines.append("may_create_voices = true")
    if caller.is_admin:
        lines.append("admin = true")
    return "\n".join(lines) + "\n"


def _append(path: Path, text: str) -> None:
    """In one piece: whoever reads the file meanwhile sees the old one or the new one. Only its owner may read it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=path.name, delete=False) as file:
            file.write((before + ("\n" if before else "") + text).encode())
            file.flush()
            os.fsync(file.fileno())
        if before:
            os.chmod(file.name, path.stat().st_mode)
        os.replace(file.name, path)
    except OSError as error:
        raise AccessError(f"{path} cannot be written: {error.strerror}") from None
