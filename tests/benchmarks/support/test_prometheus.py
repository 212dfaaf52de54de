"""What is found to blame in what a server tells Prometheus."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.support.prometheus import Prometheus, Scraped, blamed_in, prometheus
from tests.programs import need_prometheus

GOOD = b"# HELP one_ratio Of something.\n# TYPE one_ratio gauge\none_ratio 1\n"


@contextmanager
def serving(page: bytes, status: int = 200) -> Iterator[int]:
    """The port of a server that tells Prometheus `page`."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def seen(scraper: Prometheus) -> Scraped:
    """After two scrapes and a check."""
    give_up_s = time.monotonic() + 20
    while (found := scraper.scraped()).scrapes < 2 and time.monotonic() < give_up_s:
        time.sleep(0.2)
    scraper.check()
    return scraper.scraped() if found.scrapes >= 2 else found


@pytest.mark.parametrize(
    ("page", "status", "says"),
    [
        (GOOD, 200, ""),
        (b"one_ratio{ 1\n", 200, "Append failed"),
        (b"# TYPE one_ratio gauge\none_ratio 1\n", 200, "no help text"),
        (GOOD, 500, "500"),
    ],
    ids=["good", "unreadable", "not as it should be", "failing"],
)
def test_whatever_is_wrong_with_a_page_is_told(page: bytes, status: int, says: str) -> None:
    need_prometheus()
    with serving(page, status) as port, prometheus(port) as scraper:
        found = seen(scraper)
    assert found.scrapes >= 2
    assert any(says in one for one in found.blamed) if says else not found.blamed
    assert found.answered == (found.scrapes if says not in ("Append failed", "500") else 0)


def test_nobody_is_blamed_for_a_server_that_is_gone() -> None:
    """The page itself is as it should be: a process that was killed by its fault is not scraped for a while."""
    gone = (
        'level=debug component="scrape manager" scrape_pool=gapless target=http://x/metrics msg="Scrape failed" '
        'err="Get \\"http://x/metrics\\": dial tcp 127.0.0.1:1: connect: connection refused"'
    )
    twice = 'level=warn component="scrape manager" scrape_pool=gapless msg="Error on ingesting samples" num_dropped=1'
    assert blamed_in(gone) == []
    assert blamed_in(f"{gone}\n{twice}\n") == ["Error on ingesting samples"]
