"""What the process is set up with, seen from a process of its own: it stays set up."""

from __future__ import annotations

import subprocess
import sys

from engine.interpreter import SWITCH_INTERVAL_S

CODE = """
import gc, sys
from engine import interpreter
kept = [[] for _ in range(1000)]
interpreter.prepare()
print(gc.get_freeze_count() >= 1000, sys.getswitchinterval())
"""


def test_what_was_loaded_is_not_scanned_again_and_threads_wait_less_for_each_other() -> None:
    said = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "True"
    assert abs(float(said[1]) - SWITCH_INTERVAL_S) < 1e-6
