"""How much each caller holds at once, against what its token allows. Used on the event loop only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.access.caller import Caller
from service.access.errors import QuotaExceeded

_RETRY_AFTER_S = 1.0  # an utterance lasts seconds: one of this caller's own must end first


class Quotas:
    def __init__(self) -> None:
        self._utterances: Counter[str] = Counter()

    @contextmanager
    def utterance(self, caller: Caller) -> Iterator[None]:
        """Holds one place of the caller's while an utterance runs. Raises QuotaExceeded."""
        running, limit = self._utterances[caller.name], caller.max_utterances
        if limit is not None and running >= limit:
            raise QuotaExceeded(f"{running} of {limit} utterances of token {caller.name!r} are running", _RETRY_AFTER_S)
        self._utterances[caller.name] += 1
        try:
            yield
        finally:
            self._utterances[caller.name] -= 1
            if not self._utterances[caller.name]:
                del self._utterances[caller.name]
