"""Pictures that benchmarks draw."""

from __future__ import annotations

import re

from benchmarks.support.charts import Bar, bars


def test_the_number_after_a_bar_is_its_whole_length_in_plain_digits() -> None:
    rows = [
        Bar(label="short", parts=(("a", 0.5), ("b", 0.4321))),
        Bar(label="long", parts=(("a", 193.77), ("b", 1110.87))),
    ]
    drawn = bars("Bars", "of two parts", rows)
    assert re.findall(r'font-weight="600">([\d.,e+]+)</text>', drawn) == ["0.932", "1,305"]
