"""What the process is set up with, seen from a process of its own: it stays set up."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine.interpreter import SWITCH_INTERVAL_S

CODE = """
import gc, sys
from engine import interpreter
kept = [[] for _ in range(1000)]
before = sys.getswitchinterval()
interpreter.prepare(on_cpu={on_cpu})
print(gc.get_freeze_count() >= 1000, before, sys.getswitchinterval())
"""


@pytest.mark.parametrize("on_cpu", [True, False])
def test_what_was_loaded_is_not_scanned_again_and_threads_beside_a_device_wait_less(on_cpu: bool) -> None:
    command = [sys.executable, "-c", CODE.format(on_cpu=on_cpu)]
    frozen, before, after = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert frozen == "True"
    assert float(after) == pytest.approx(float(before) if on_cpu else SWITCH_INTERVAL_S)
