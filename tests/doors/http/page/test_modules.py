"""The page's modules that need no browser, tested in Node.js (modules.test.mjs)."""

from __future__ import annotations

import subprocess
from pathlib import Path


def test_the_modules_do_what_they_say() -> None:
    file = Path(__file__).with_name("modules.test.mjs")
    command = ["node", "--test", "--test-reporter=tap", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    written = file.read_text(encoding="utf-8").count('\ntest("')  # all of which must have run
    assert f"# pass {written}\n" in done.stdout
