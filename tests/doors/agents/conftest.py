"""Servers that a turn speaks with."""

from __future__ import annotations

from tests.client.conftest import server
from tests.service.conftest import serve

__all__ = ["serve", "server"]
