"""The page at `/`: its files as they are, read once, with the headers that keep it to itself.

Nothing on it comes from elsewhere, and a browser is told to load nothing from elsewhere. docs/browser.md describes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

_FILES = Path(__file__).parent / "files"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def routes() -> list[web.RouteDef]:
    """`/` and the files that it names."""
    files = [path for path in sorted(_FILES.iterdir()) if path.suffix in _TYPES]
    index = next(path for path in files if path.name == "index.html")
    return [_route("/", index), *(_route(f"/page/{path.name}", path) for path in files if path is not index)]


def _route(url: str, path: Path) -> web.RouteDef:
    content = path.read_bytes()
    tag = hashlib.sha256(content).hexdigest()[:32]

    async def send(request: web.Request) -> web.Response:
        headers = {**HEADERS, "ETag": f'"{tag}"'}
        if any(known.value == tag for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, content_type=_TYPES[path.suffix], charset="utf-8", headers=headers)

    return web.get(url, send)
