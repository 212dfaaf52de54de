"""The scripted service that the attacks are tried on is the one of the service's tests."""

from __future__ import annotations

from tests.service.conftest import serve, served

__all__ = ["serve", "served"]
