"""`python -m service token NAME`: makes a token, writes its hash into the token file and prints it, once."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from service.access import tokens
from service.access.caller import Caller


def run(path: Path, caller: Caller, out: TextIO, notes: TextIO) -> None:
    """Raises AccessError."""
    out.write(tokens.create(path, caller) + "\n")
    notes.write(
        f"Its hash is in {path} as {caller.name!r}. The token itself is stored nowhere: keep it now.\n"
        "A service that runs with this file knows it within a second.\n"
    )
