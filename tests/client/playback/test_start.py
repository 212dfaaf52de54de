"""When playback may begin: three rules."""

from __future__ import annotations

import pytest

from client.playback.start import REMEMBERED, UNKNOWN_JITTER_S, Adaptive, Arrived, ByHint, Fixed, StartRule, start_rule

SKEW_NS = 7_000_000_000  # of the server's clock


def feed(rule: StartRule, *chunks: tuple[float, float, float | None], audio_s: float = 0.2) -> list[float]:
    """What the rule says with each (received, sent, hint); seconds."""
    rule.begin()
    return [
        rule.prebuffer_s(
            Arrived(
                received_ns=round(received * 1e9), sent_ns=round(sent * 1e9) + SKEW_NS, audio_s=audio_s, hint_s=hint
            )
        )
        for received, sent, hint in chunks
    ]


def test_the_servers_last_word_counts() -> None:
    assert feed(ByHint(), (1.0, 0.9, 0.3), (1.1, 1.0, 0.1), (1.2, 1.1, None)) == [0.3, 0.1, 0.1]
    assert feed(ByHint(), (1.0, 0.9, None)) == [0.0], "a server that says nothing means: at once"


def test_a_fixed_wait_is_fixed() -> None:
    assert feed(Fixed(0.25), (1.0, 0.9, 0.3), (1.1, 1.0, 2.0)) == [0.25, 0.25]


def test_adaptive_adds_what_the_network_was_seen_to_add() -> None:
    """100 ms under way, then 140: 40 ms may be added to any chunk. The clocks' offset does not matter."""
    rule = Adaptive()
    first, second = feed(rule, (1.0, 0.9, 0.05), (1.14, 1.0, None))
    assert first == pytest.approx(0.05 + UNKNOWN_JITTER_S)
    assert second == pytest.approx(0.05 + 0.04)


def test_adaptive_knows_the_network_from_earlier_utterances_and_forgets_in_time() -> None:
    rule = Adaptive()
    feed(rule, (1.0, 0.9, None), (1.14, 1.0, None))
    (said,) = feed(rule, (9.0, 8.9, 0.05))
    assert said == pytest.approx(0.05 + 0.04)
    feed(rule, *((20.0 + n, 19.9 + n, None) for n in range(REMEMBERED)), audio_s=1.0)
    assert feed(rule, (99.0, 98.9, 0.05)) == pytest.approx([0.05])


def test_adaptive_waits_as_long_as_this_utterance_would_have_needed() -> None:
    """Without a hint: the third chunk came 200 ms after the audio before it would have been over."""
    said = feed(Adaptive(), (1.0, 0.9, None), (1.2, 1.1, None), (1.6, 1.5, None))
    assert said[-1] == pytest.approx(0.2)


@pytest.mark.parametrize(("text", "kind"), [("hint", ByHint), ("adaptive", Adaptive), ("250", Fixed), ("0", Fixed)])
def test_the_command_lines_words(text: str, kind: type) -> None:
    assert isinstance(start_rule(text), kind)


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "60001"])
def test_other_words_are_errors(text: str) -> None:
    with pytest.raises(ValueError, match=r"out of range|could not convert"):
        start_rule(text)
