"""A real Prometheus that scrapes a server for as long as a benchmark runs, and its checker, promtool.

Debian's package prometheus has both. A server that is gone, or stands still, cannot be scraped, and nobody is to blame;
whatever else Prometheus says of a scrape, and whatever promtool says of a page, is.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CONFIG = """
global: {{scrape_interval: {every_s}s, scrape_timeout: {every_s}s}}
scrape_configs:
  - job_name: gapless
    static_configs: [{{targets: ["{target}"]}}]
"""
EVERY_S = 1
ANSWERS_S = 5.0  # within which whoever is asked answers
STARTS_S = 30.0
_OF_A_SCRAPE = re.compile(r'level=(\w+) component="scrape manager".*? msg="(.*?)"(?: err="(.*)")?')
_GONE = ('Get \\"', "read tcp", "unexpected EOF", "context deadline exceeded")  # how errors of the connection begin


@dataclass(frozen=True)
class Scraped:
    scrapes: int
    answered: int  # of them
    checked: int  # pages that promtool saw
    blamed: tuple[str, ...]  # what was wrong, each thing once

    def __str__(self) -> str:
        blamed = "; ".join(self.blamed) or "nothing to blame"
        return (
            f"Prometheus scraped {self.answered} of {self.scrapes} times, promtool saw {self.checked} pages: {blamed}"
        )


@dataclass
class Prometheus:
    address: str  # its own
    target: str  # what it scrapes
    log: Path
    checked: int = 0
    blamed: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Has promtool look at the page as it is now, if anybody answers."""
        try:
            page = read(f"http://{self.target}/metrics")
        except urllib.error.HTTPError as error:
            self.blamed.append(str(error))
        except OSError:
            return
        else:
            self.checked += 1
            self.blamed += promtool(page)

    def scraped(self) -> Scraped:
        """Of all its time."""
        blamed = self.blamed + blamed_in(self.log.read_text(encoding="utf-8"))
        scrapes, answered = (self.ask(f"{name}_over_time(up[1d])") for name in ("count", "sum"))
        return Scraped(int(scrapes or 0), int(answered or 0), self.checked, tuple(dict.fromkeys(blamed)))

    def ask(self, query: str) -> float | None:
        """The one value of a query; None: there is none."""
        quoted = urllib.parse.quote(query)
        found = json.loads(read(f"http://{self.address}/api/v1/query?query={quoted}"))["data"]["result"]
        return float(found[0]["value"][1]) if found else None


def is_installed() -> bool:
    return all(shutil.which(name) for name in ("prometheus", "promtool"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def read(url: str) -> bytes:
    """Raises OSError."""
    with urllib.request.urlopen(url, timeout=ANSWERS_S) as answer:
        return bytes(answer.read())


def promtool(page: bytes) -> list[str]:
    """What it finds wrong with a page of metrics, a line each."""
    command = ["promtool", "check", "metrics"]
    checked = subprocess.run(command, input=page, capture_output=True, timeout=STARTS_S, check=False)
    said = (checked.stdout + checked.stderr).decode().splitlines()
    return said or ([f"promtool ended with {checked.returncode}"] if checked.returncode else [])


def blamed_in(log: str) -> list[str]:
    """What Prometheus found wrong with what it read."""
    found = [said.groups(default="") for said in map(_OF_A_SCRAPE.search, log.splitlines()) if said]
    return [
        f"{message} {error}".strip()
        for level, message, error in found
        if not error.startswith(_GONE) and (error or level != "debug")
    ]


@contextlib.contextmanager
def prometheus(metrics_port: int) -> Iterator[Prometheus]:
    """Scrapes 127.0.0.1:`metrics_port` each second, whoever serves there. Raises RuntimeError if it does not start."""
    with tempfile.TemporaryDirectory(prefix="gapless-prometheus-") as name:
        folder = Path(name)
        found = Prometheus(f"127.0.0.1:{free_port()}", f"127.0.0.1:{metrics_port}", folder / "log")
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(every_s=EVERY_S, target=found.target), encoding="utf-8")
        flags = (f"--config.file={config}", f"--storage.tsdb.path={folder}/data", "--log.level=debug")
        with found.log.open("wb") as log:
            command = ["prometheus", *flags, f"--web.listen-address={found.address}"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        try:
            _wait_until_ready(found, process)
            yield found
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(found: Prometheus, process: subprocess.Popen[bytes]) -> None:
    give_up_s = time.monotonic() + STARTS_S
    while process.poll() is None and time.monotonic() < give_up_s:
        with contextlib.suppress(OSError):
            read(f"http://{found.address}/-/ready")
            return
        time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not start:\n{found.log.read_text(encoding='utf-8')}")
