"""Window sizes: a ladder, and a final window that does not depend on when the stop token became known."""

from engine.scheduling.windows import LadderConfig, Window, ladder_window, largest_peek

CONFIG = LadderConfig(sizes=(6, 12, 25))


def windows(n_tokens: int, lookahead: int = 3) -> list[Window]:
    """All windows of a segment of `n_tokens` that is known in full."""
    done: list[Window] = []
    while not (done and done[-1].final):
        taken = sum(window.n_new for window in done)
        window = ladder_window(CONFIG, len(done), n_tokens - taken, True, lookahead)
        assert window is not None
        done.append(window)
    return done


def test_sizes_climb_the_ladder_and_the_last_repeats() -> None:
    assert [window.n_new for window in windows(100)] == [6, 12, 25, 25, 25, 7]


def test_every_token_is_spoken_once() -> None:
    for n_tokens in range(120):
        assert sum(window.n_new for window in windows(n_tokens)) == n_tokens


def test_it_makes_no_difference_whether_the_stop_token_is_known_early() -> None:
    for n_tokens in range(1, 120):
        taken = 0
        sizes: list[int] = []
        for window in windows(n_tokens):
            if not window.final:
                seen = window.n_new + window.lookahead
                assert ladder_window(CONFIG, len(sizes), seen, False, 3) == window  # the moment it becomes ready
            sizes.append(window.n_new)
            taken += window.n_new
        assert taken == n_tokens


def test_a_window_waits_for_its_lookahead() -> None:
    assert ladder_window(CONFIG, 0, 8, False, 3) is None
    assert ladder_window(CONFIG, 0, 9, False, 3) == Window(n_new=6, lookahead=3, final=False)


def test_the_largest_peek_is_the_largest_window_with_its_lookahead() -> None:
    assert largest_peek(CONFIG, 3) == 28
