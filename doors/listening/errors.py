"""What these files raise."""

from __future__ import annotations


class ListeningError(Exception):
    """Certificates or keys cannot be used, or a server would stand open; the message says which, and what to do."""
