"""A page of anybody's, in the same browser: it gets nothing out of this door, and nothing is spoken for it."""

from __future__ import annotations

import json

from benchmarks.support.browser import Browser
from tests.doors.http.page.ears import IN_A_BROWSER, Page
from tests.doors.http.page.live_door import live_door

pytestmark = IN_A_BROWSER

ASKED = {"input": "Hello.", "model": "tts-1", "voice": "anna"}
# Each gives "refused", or what it got. A form and `no-cors` are what a browser sends without asking first.
ATTEMPTS = {
    "WebSocket": """new Promise((done) => {
      const ws = new WebSocket(URL.replace('http', 'ws') + '/v1/websocket');
      ws.onopen = () => done('open');
      ws.onerror = () => done('refused');
    })""",
    "fetch": "fetch(URL + '/v1/models').then((answer) => answer.status, () => 'refused')",
    "no-cors": """fetch(URL + '/v1/audio/speech', {method: 'POST', mode: 'no-cors', body: BODY})
      .then(({type}) => type === 'opaque' ? 'refused' : type, () => 'refused')""",
    "frame": """new Promise((done) => {
      const frame = Object.assign(document.createElement('iframe'), {src: URL});
      frame.onload = () => {
        try { done(frame.contentDocument ? 'shown' : 'refused'); } catch { done('refused'); }
      };
      document.body.append(frame);
    })""",
}


def test_a_page_from_elsewhere_gets_nothing(browser: Browser) -> None:
    with live_door() as other, live_door() as door:
        page = Page(browser)
        page.visit(other.url)  # without its policy, as any page may be
        for attempt, script in ATTEMPTS.items():
            script = script.replace("URL", json.dumps(door.url)).replace("BODY", repr(json.dumps(ASKED)))
            assert page.evaluate(script) == "refused", attempt
        assert door.engine.submitted == []
        page.visit(door.url)
        page.speak("Hello.", voice="anna")
        page.until("gapless.utterance.finished")
        assert len(door.engine.submitted) == 1
