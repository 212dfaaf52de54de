"""How written English is read: the rules of the normaliser in their order, for two ways of writing what was read.

A voice that knows the letters a-z alone has everything spelled out, acronyms and punctuation included ("spelled"); the
published models know capitals and punctuation, and get numbers, dates, money, units, abbreviations and symbols as words
("cased"). A rule without a style serves both. Rules work on whole segments: a piece cut inside a number cannot be
understood. What an earlier rule has spoken no later one sees as written, so the more a form says about itself, the
earlier it comes: addresses of the Internet first, bare integers and symbols last.
"""

from __future__ import annotations

from engine.text.normalize.abbreviations import ABBREVIATED
from engine.text.normalize.capitals import CAPITALS, SHOUTED
from engine.text.normalize.dates import DATES, STAMPS
from engine.text.normalize.digits import DIGITS
from engine.text.normalize.grouped import GROUPED
from engine.text.normalize.mathematics import MATHEMATICS
from engine.text.normalize.money import MONEY
from engine.text.normalize.names import NAMES
from engine.text.normalize.quantities import INTEGERS, QUANTITIES
from engine.text.normalize.rule import Rule
from engine.text.normalize.symbols import LINKS, LONG_DASHES, MARKUP, SIGNS
from engine.text.normalize.times import TIMES
from engine.text.normalize.web import WEB

RULES: tuple[Rule, ...] = (
    *LINKS,
    *WEB,
    *MATHEMATICS,
    *MARKUP,
    *SHOUTED,
    *STAMPS,
    *DIGITS,
    *TIMES,
    *DATES,
    *NAMES,
    *GROUPED,
    *MONEY,
    *QUANTITIES,
    *LONG_DASHES,
    *ABBREVIATED,
    *CAPITALS,
    *INTEGERS,
    *SIGNS,
)
