"""The page's files: complete, from nowhere else, and with headers that say so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from gapless.doors.http.page import HEADERS
from tests.doors.http.conftest import Open

FILES = Path(__file__).parents[4] / "doors" / "http" / "page" / "files"


async def get(door: Open, path: str, **headers: str) -> tuple[int, Mapping[str, str], str]:
    async with door.session.get(f"{door.url}{path}", headers=headers) as response:
        return response.status, response.headers, await response.text()


async def test_all_that_the_page_names_is_there_and_nothing_else_is(door: Open) -> None:
    _, headers, page = await get(door, "/")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    named = set(re.findall(r'(?:href|src)="(/[^"]*)"', page))
    for file in FILES.glob("*.js"):
        named |= {f"/page/{name}" for name in re.findall(r'from "\./([^"]+)"', file.read_text())}
        named |= set(re.findall(r'"(/page/[^"]+)"', file.read_text()))
    assert named == {f"/page/{file.name}" for file in FILES.iterdir() if file.name != "index.html"}
    for path in named:
        status, headers, _ = await get(door, path)
        assert status == 200, path
        assert all(headers[name] == value for name, value in HEADERS.items()), path
    assert (await get(door, "/page/__init__.py"))[0] == 404
    assert (await get(door, "/page/..%2f__init__.py"))[0] == 404


async def test_the_policy_allows_no_script_but_the_page_s_own(door: Open) -> None:
    _, headers, page = await get(door, "/")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=", page)


def test_nothing_is_named_that_is_elsewhere() -> None:
    for file in FILES.iterdir():
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|[\"'(]//", file.read_text()), file.name


async def test_what_a_browser_has_is_not_sent_again(door: Open) -> None:
    _, headers, _ = await get(door, "/page/style.css")
    status, _, body = await get(door, "/page/style.css", **{"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, "")


def test_no_file_is_long() -> None:
    assert all(len(file.read_text().splitlines()) <= 300 for file in FILES.iterdir())
