"""What a page heard of an utterance -> the verdict on it, as a message."""

from __future__ import annotations

from typing import Any

from gapless.client.attribution.listener import Heard, heard_elsewhere
from gapless.client.attribution.verdict import analyse
from gapless.client.record import Record
from gapless.client.report import explain

from ..errors import BadRequest


def verdict(record: Record, heard: Heard | None) -> dict[str, Any]:
    """Takes some milliseconds. `heard` None: as the door itself saw it, whose listener is imagined. Raises
    BadRequest where page and door do not speak of the same messages."""
    if heard is None:
        analysis = analyse(record)
    else:
        try:
            listened, observations = heard_elsewhere(record, heard)
        except ValueError as error:
            raise BadRequest(str(error), "heard") from None
        analysis = analyse(listened, observations=observations)
    about = analysis.verdict.hop.about
    return {"type": "verdict", **explain.as_json(analysis), "meaning": about.meaning, "advice": about.advice}
