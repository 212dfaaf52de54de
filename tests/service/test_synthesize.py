"""One utterance over a real socket: what comes, in which order, and that it is the engine's audio."""

from __future__ import annotations

import numpy as np

from tests.fakes import speech_of_text
from tests.service.conftest import Served
from tests.service.talk import end, say, seeded, text

SENTENCE = "Hello world, this is gapless."


async def test_events_come_in_order_and_the_audio_is_the_engines(served: Served) -> None:
    heard = await say(served.stub, [seeded(), text(SENTENCE), end()])
    assert heard.kinds[0] == "started"
    assert heard.kinds[-1] == "finished"
    assert set(heard.kinds[1:-1]) == {"audio"}
    samples = np.frombuffer(heard.pcm, "<i2")
    expected = np.rint(speech_of_text(SENTENCE, seed=7, voice="anna") * 32767)
    assert np.array_equal(samples, expected)
