"""Ways into a service from outside: grpcurl, openssl, Node and our own client, each with what it is to show."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from tests.e2e.outside import NODE, ROOT

GRPCURL = Path(sys.executable).parent / "grpcurl"
SERVICE = "gapless.tts.v1.TextToSpeechService"
TIMEOUT_S = 30


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a caller shows and trusts. Without `ca`: plain text."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token: str | None = None
    headers: tuple[str, ...] = ()  # instead of the token's: "authorization: Bearer x"

    def but(self, **changes: object) -> Shown:
        return replace(self, **changes)  # type: ignore[arg-type]


def _output(*command: str | Path, cwd: Path = ROOT, stdin: IO[bytes] | int | None = subprocess.DEVNULL) -> str:
    words = [str(word) for word in command]
    ran = subprocess.run(
        words, cwd=cwd, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S
    )
    return ran.stdout.decode(errors="replace")  # openssl prints the bytes of HTTP/2 too


def grpcurl(address: str, shown: Shown, method: str = "ListVoices", message: str = "{}") -> str:
    headers = shown.headers or ((f"authorization: Bearer {shown.token}",) if shown.token else ())
    flags: list[str | Path] = ["-cacert", shown.ca] if shown.ca else ["-plaintext"]
    if shown.certificate and shown.key:
        flags += ["-cert", shown.certificate, "-key", shown.key]
    for header in headers:
        flags += ["-H", header]
    schema = ("-import-path", ROOT / "proto", "-proto", "gapless/tts/v1/tts.proto")
    return _output(GRPCURL, "-connect-timeout", "3", *flags, *schema, "-d", message, address, f"{SERVICE}/{method}")


def node(address: str, shown: Shown) -> str:
    files = {"ca": shown.ca, "cert": shown.certificate, "key": shown.key}
    given = {name: str(path) for name, path in files.items() if path} | {"token": shown.token}
    return _output("node", "secure.js", address, json.dumps(given), cwd=NODE)


def openssl(address: str, shown: Shown, name: str = "localhost") -> str:
    """A handshake, and what the server says in the second after it: a client's certificate is refused that late."""
    flags: list[str | Path] = ["-CAfile", shown.ca or "/dev/null", "-verify_return_error", "-verify_hostname", name]
    if shown.certificate and shown.key:
        flags += ["-cert", shown.certificate, "-key", shown.key]
    with subprocess.Popen(["sleep", "1"], stdout=subprocess.PIPE) as patience:
        return _output("openssl", "s_client", "-connect", address, "-alpn", "h2", *flags, stdin=patience.stdout)


def ours(address: str, shown: Shown) -> str:
    flags: list[str | Path] = []
    for flag, value in (("--tls-ca", shown.ca), ("--tls-cert", shown.certificate), ("--tls-key", shown.key)):
        flags += [flag, value] if value else []
    with tempfile.NamedTemporaryFile("w") as file:
        if shown.token:
            file.write(shown.token)
            file.flush()
            flags += ["--token-file", file.name]
        return _output(sys.executable, "-m", "client", "voices", "--address", address, *flags)
