"""The page in a browser: what its audio graph carries is what was sent, whatever a person or the network does.

GAPLESS_TABS=8 opens so many tabs at once in place of two; `make page` does.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.support.browser import Browser
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from tests.contrast import contrast
from tests.doors.http.page.ears import IN_A_BROWSER, QUIET, Page, found_in
from tests.doors.http.page.live_door import LiveDoor, live_door
from tests.fakes import SAMPLE_RATE, Script, speech_of_text
from tests.recordings import recording

pytestmark = IN_A_BROWSER
TABS = int(os.environ.get("GAPLESS_TABS", "2"))
SILENT_S = 0.1
TEXT = "Hello from this page."
WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth - innerWidth"
HUES = ("text", "t3", "flow", "vocoder", "send", "receive", "play", "alarm")
NAMES = (*HUES, "page", "card", "ink", "soft", "mark", "good-back", "fair-back", "bad-back", "track")
COLOURS = f"""Object.fromEntries({list(NAMES)}
  .map(name => [name, getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()]))"""
UNBROKEN = "not break"  # part of both sentences that say so
VOICES = {
    "anna": Script(),
    "slow": Script(token_s=0.05, window_tokens=2),
    "twice as fast": Script(token_s=0.02, window_tokens=5),
    "broken": Script(fail_at_chunk=2),
}
MARKUP = "<img src=x onerror=hit=1>"
STAND_STILL = "(() => { const until = performance.now() + 1500; while (performance.now() < until); })()"


@pytest.fixture(scope="module")
def door() -> Iterator[LiveDoor]:
    with live_door(voices=VOICES, has_alignment=True, max_utterances=TABS) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, door: LiveDoor) -> Page:
    visited = Page(browser)
    visited.visit(door.url)
    return visited


def test_what_is_heard_is_what_was_sent(page: Page) -> None:
    """Sample by sample: no gap, nothing missing, nothing else."""
    page.speak("", voice="anna")  # no text, no speech
    assert page.evaluate("gapless.utterance") is None
    page.browser.click("#text")
    page.browser.type(TEXT)
    page.browser.press("Enter", control=True)
    assert UNBROKEN in page.verdict()
    heard, _, _ = page.heard()
    spoken = speech_of_text(TEXT, seed=7, voice="anna")
    part = found_in(heard, spoken)
    assert len(part) == len(spoken)
    assert np.abs(part - spoken).max() < QUIET
    assert page.evaluate("document.getElementById('breaks').textContent") == "0"
    marked = page.evaluate(
        "[document.querySelector('#reading .heard').textContent, reading.querySelector('mark').hidden]"
    )
    assert marked == [TEXT, True]


def test_escape_silences_it_and_tells_the_service_what_was_heard(page: Page, door: LiveDoor) -> None:
    page.speak("word " * 400, voice="anna")
    page.until("gapless.player.played > 12000")
    assert page.evaluate("document.querySelector('#reading mark').textContent") == "word"
    page.browser.press("Escape")
    assert page.until("gapless.utterance.over.stopped") is True
    assert "You stopped it after" in page.verdict()
    heard, first_frame, pressed_frame = page.heard()
    after = heard[pressed_frame - first_frame :]
    sounding = np.flatnonzero(np.abs(after) > QUIET)
    assert not len(sounding) or sounding[-1] < SILENT_S * SAMPLE_RATE
    edge = np.abs(np.diff(heard[max(0, pressed_frame - first_frame - 1000) :])).max()
    assert edge < 0.1  # no click: the loudest tone alone has steps of 0.06
    page.until("gapless.utterance.finished")
    assert 12_000 < door.engine.playbacks[-1].played_samples < 10 * SAMPLE_RATE
    assert door.engine.stats().utterances == 0


def test_sound_that_comes_too_late_breaks_off_and_is_explained(page: Page) -> None:
    """This voice is slower than speech and says nothing of it: nothing is missing, and the gaps are told."""
    page.speak("Hey you", voice="slow")
    assert "broke off" in page.verdict()
    heard, _, _ = page.heard()
    assert page.evaluate("gapless.utterance.silences.length") > 0
    spoken = speech_of_text("Hey you", seed=7, voice="slow")
    assert np.abs(heard).max() < 0.31
    assert np.count_nonzero(np.abs(heard) > QUIET) >= np.count_nonzero(np.abs(spoken) > QUIET)
    edges = np.abs(np.diff(heard)).max()
    assert edges < 0.1


def test_sound_does_not_wait_for_what_the_page_does(page: Page) -> None:
    """The page stands still for 1.5 s when only some tenths of a second have come: what follows sounds all the same."""
    page.speak("word " * 20, voice="twice as fast")
    page.until("gapless.utterance.startedMs")
    page.evaluate(STAND_STILL)
    page.verdict()
    assert page.evaluate("gapless.utterance.silences") == []
    assert page.evaluate("gapless.utterance.over.played === gapless.utterance.samples")


def test_who_stops_at_once_hears_nothing(page: Page) -> None:
    page.speak(TEXT, voice="anna")
    page.verdict()
    page.evaluate("ear.port.postMessage('forget')")
    page.evaluate("gapless.speak(() => ['word word'], {voice: 'anna'}, 'hint').then(() => gapless.stop())")
    page.until("gapless.utterance.finished")
    assert np.abs(page.heard()[0]).max() < QUIET


def test_a_connection_that_is_cut_is_said_and_comes_back(page: Page, door: LiveDoor) -> None:
    page.speak("word " * 40, voice="slow")
    page.until("gapless.utterance.chunks.length > 2")
    door.cut()
    assert "connection to the service was lost" in page.verdict()
    page.until("gapless.connection.isReady")
    page.speak(TEXT, voice="anna")
    assert UNBROKEN in page.verdict()


def test_an_utterance_that_fails_is_said(page: Page) -> None:
    page.speak(TEXT, voice="broken")
    assert "The speech broke off" in page.verdict()
    page.speak("...", voice="anna")
    assert "It was not spoken" in page.verdict()
    page.speak(TEXT, voice="anna")
    assert UNBROKEN in page.verdict()


def test_a_scripted_model_writes_while_it_is_heard(page: Page) -> None:
    page.evaluate("document.getElementById('voice').value = 'anna'")
    page.browser.click("#prompts button")
    page.until("gapless.player.played > 2400 && gapless.utterance.sent.length > 20")
    assert page.evaluate("gapless.utterance.sent.at(-1).characters") > 0  # it still writes
    page.browser.press("Escape")
    page.verdict()


def test_a_voice_is_made_of_a_recording_and_forgotten(page: Page, door: LiveDoor) -> None:
    content = base64.b64encode(recording()).decode()
    page.evaluate(f"""more.open = true;
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob('{content}'), (one) => one.charCodeAt(0))], 'mary.wav'));
      clone.elements.audio_sample.files = data.files;
      clone.elements.name.value = 'mary';""")
    page.browser.click("#clone button")
    page.until("voice.value === 'mary' && gapless.connection.isReady")
    assert "is there" in page.evaluate("cloned.textContent")
    page.speak(TEXT)
    assert UNBROKEN in page.verdict()
    page.browser.click("#forget")
    page.until("gapless.connection.isReady && ![...voice.options].some(({value}) => value === 'mary')")
    assert door.engine.deleted == ["mary"]


def test_a_token_is_asked_for_where_one_is_wanted_and_kept_nowhere(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    token = tokens.create(file, Caller(name="page"))
    access = Access.of(AccessConfig(token_file=file), "127.0.0.1:0")
    with live_door(voices=VOICES, access=access) as guarded:
        browser.open(guarded.url, width=1280)
        page = Page(browser)
        for given, state in (("gapless_wrong", "refused"), (token, "ready")):
            page.until("!document.getElementById('token').hidden")
            page.evaluate(
                f"document.getElementById('token').elements.token.value = '{given}'; gapless.connection.state = ''"
            )
            browser.click("#token button")
            page.until(f"gapless.connection.state === '{state}'")
        page.speak(TEXT, voice="anna")
        assert UNBROKEN in page.verdict()
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        assert token not in page.evaluate("location.href")


def test_it_works_under_its_own_policy_and_fits_every_window(browser: Browser, door: LiveDoor) -> None:
    """After a long word and a verdict, in the dark and in the light, with everything open."""
    page = Page(browser)
    page.visit(door.url, listen=False)
    page.evaluate("window.refused = 0; addEventListener('securitypolicyviolation', () => refused += 1)")
    page.speak(f"Hello {'x' * 200}", voice="anna")
    page.until("gapless.player?.played > 4800")
    page.browser.press("Escape")
    assert "You stopped it" in page.verdict()
    assert page.evaluate("refused") == 0
    page.evaluate("document.getElementById('more').open = true")
    for dark, width in product((False, True), (320, 375, 768, 1280, 2000)):
        browser.resize(width, dark=dark)
        assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0, width
        colour = page.evaluate(COLOURS)
        for ink, back in product(("ink", "soft"), ("page", "card")):
            assert contrast(colour[ink], colour[back]) >= 4.5, (ink, back, dark)
        for back in ("good-back", "fair-back", "bad-back", "mark"):
            assert contrast(colour["ink"], colour[back]) >= 7, (back, dark)
        for hue in HUES:
            assert contrast(colour[hue], colour["track"]) >= 2.3, (hue, dark)


def test_what_looks_like_markup_stays_text(browser: Browser) -> None:
    """Names of voices, the text, and what is said of both."""
    with live_door(voices={"anna": Script(), MARKUP: Script()}, has_alignment=True) as door:
        page = Page(browser)
        page.visit(door.url)  # without the page's policy, which would stop it
        assert MARKUP in page.evaluate("[...voice.options].map(({text}) => text)")
        page.speak(f"Say {MARKUP} <b>now</b>.", voice=MARKUP, language="de")
        assert UNBROKEN in page.verdict()
        assert page.evaluate("gapless.utterance.started.language") == "de"
        page.evaluate("voice.append(new Option('<i>nobody</i>'))")
        page.speak(TEXT, voice="<i>nobody</i>")
        assert "<i>nobody</i>" in page.verdict()
        page.evaluate("gapless.connection.open()")  # the choice of a language outlives the connection
        page.until("gapless.connection.isReady && voice.length === 2")
        assert page.evaluate("document.getElementById('language').value") == "de"
        assert page.evaluate(
            "[typeof hit, document.querySelectorAll('main img, main i, main b:not(button b)').length]"
        ) == [
            "undefined",
            0,
        ]


def test_tabs_do_not_disturb_each_other(browser: Browser, door: LiveDoor) -> None:
    tabs = [Page(browser.another()) for _ in range(TABS)]
    for tab in tabs:
        tab.visit(door.url)
    for tab in tabs:
        tab.speak(TEXT, voice="anna")
    spoken = speech_of_text(TEXT, seed=7, voice="anna")
    for tab in tabs:
        assert UNBROKEN in tab.headline()
        part = found_in(tab.heard()[0], spoken)
        assert np.abs(part - spoken).max() < QUIET
