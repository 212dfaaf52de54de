"""What a program gets with `import client`, and what it does not."""

from __future__ import annotations

import os
import subprocess
import sys

import client.playback

PROGRAM = """
import os
before = dict(os.environ)
import client, client.playback, client.report
changed = {name for name in before.keys() | os.environ.keys() if before.get(name) != os.environ.get(name)}
assert not changed, changed
"""


def test_importing_changes_nothing_of_the_whole_process() -> None:
    """It set GRPC_VERBOSITY, and so told the gRPC of the program itself to be silent."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    subprocess.run([sys.executable, "-c", PROGRAM], env=environ, check=True, timeout=30)


def test_a_program_plays_and_stops_with_names_that_are_offered() -> None:
    """`Player` and barge-in were to be had from inner modules only."""
    assert {"Player", "barge_in", "report_playback"} <= set(client.playback.__all__)
