"""Template sentences and short phrases for the corpus, already spelled as the normaliser spells them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from engine.text.normalize import money, numbers


def _listed(text: str) -> list[str]:
    return text.split(", ")


_NAMES = _listed(
    "anna, karl, peter, mary, john, susan, james, linda, robert, emma, david, laura, michael, julia, thomas, "
    "sarah, daniel, alice, george, helen, paul, sophie, mark, nora, frank, lucy, simon, grace, martin, olivia, "
    "henry, ruth, oliver, clara, jack, amy, ben, chloe, sam, maria"
)
_PLACES = _listed(
    "london, paris, berlin, new york, boston, chicago, tokyo, rome, madrid, dublin, the station, the office, the "
    "airport, the beach, the market, the museum, the hospital, the library, the harbour, the city centre, the "
    "university, the theatre, seattle, texas, canada, the countryside, the supermarket, the bank, the bakery, the "
    "post office, sydney, vienna, oslo, india, california"
)
_THINGS = _listed(
    "the report, your order, the invoice, the key, my bag, the camera, a new laptop, the letter, the printer, a "
    "cup of coffee, a glass of water, the newspaper, the ticket, the recipe, the screen, the document, a "
    "sandwich, the map, the calendar, a bicycle, the headphones, a blue jacket, the chocolate cake, the garden "
    "chair, the silver spoon, an old photograph, the radio, the lamp, a box of matches, the contract, the "
    "presentation, the spreadsheet, the playlist, the alarm, the thermostat, the front light"
)
_ADJECTIVES = _listed(
    "ready, late, early, wonderful, terrible, interesting, expensive, cheap, difficult, easy, strange, beautiful, "
    "quiet, loud, important, possible, ridiculous, delicious, dangerous, comfortable, broken, empty, heavy, "
    "bright, dark, warm, cold, funny, serious, perfect"
)
_VERBS = _listed(
    "send, find, buy, open, close, move, clean, repair, bring, carry, check, change, cancel, describe, explain, "
    "order, remove, replace, save, share, sell, show, start, stop, update, wrap, borrow, return, review, print"
)
_DAYS = _listed("monday, tuesday, wednesday, thursday, friday, saturday, sunday, tomorrow, today, tonight")
_MONTHS = _listed("january, february, march, april, may, june, july, august, september, october, november, december")
_SUBJECTS = _listed(
    "the weather, the traffic, your account, the server, my neighbour, the manager, our team, the company, the "
    "engine, the model, the network, everyone, the price, the system, the software, the concert, the lecture, the "
    "flight, the driver, the patient"
)
_UNITS = _listed(
    "minutes, hours, days, weeks, months, years, kilometers, miles, meters, degrees, pounds, kilograms, grams, percent"
)

_TEMPLATES = """
hello {name}, how are you today?
hi {name}, this is {name2}.
good morning {name}, it is {time} on {day}.
i will meet you at {place} at {time}.
can you {verb} {thing} before {day}?
could you please {verb} {thing} for me?
please {verb} {thing} and then {verb2} {thing2}.
i would like to {verb} {thing}, if that is {adjective}.
sure, i can {verb} {thing} for you.
sorry, i couldn't {verb} {thing}.
i'm afraid {subject} is {adjective} right now.
{subject} was {adjective}, but {subject2} was {adjective2}.
is {subject} really that {adjective}?
why is {subject} so {adjective}?
what a {adjective} idea, {name}!
that sounds {adjective}, let's do it!
here is what i found about {place}.
the next train to {place} leaves at {time}.
your appointment is on {day}, {date}, at {time}.
my birthday is on {date}.
it happened on {date}, {year}.
she was born in {year} and moved to {place} in {year2}.
the total comes to {money}.
it costs {money}, or {money2} with tax.
you owe me {money}.
the temperature in {place} is {number} degrees.
there are {number} people waiting at {place}.
it takes about {number} {unit} to get to {place}.
we have {number} {unit} left.
the answer is {number}.
{number} plus {number2} is {number3}.
that is {number} point {digit} percent of the total.
call me at {digits}.
the code is {digits}, did you get that?
set a timer for {number} {unit}.
remind me to {verb} {thing} at {time}.
turn off {thing} when {name} leaves.
i've added {thing} to your list.
first, {verb} {thing}. second, {verb2} {thing2}.
{name}, {name2} and {name3} went to {place}.
we need {thing}, {thing2}, and {thing3}.
i don't think {name} wants to {verb} {thing}.
if you {verb} {thing}, {name} will be {adjective}.
when did you last see {name} at {place}?
who told {name} about {thing}?
where did you put {thing}?
how much is {thing}?
how many {unit} are there until {date}?
do you know where {thing} is?
have you ever been to {place}?
as an assistant, i can help you {verb} {thing}.
let me check that for you, one moment please.
no problem, {name}. {subject} will be {adjective} by {day}.
thank you for calling, {name}. how can i help you?
is there anything else you would like to {verb}?
it's {time}, and {subject} is still {adjective}.
on {day}, {subject} will be closed until {time}.
he said that {subject} would cost {money}.
the {ordinal} chapter begins on page {number}.
this is the {ordinal} time that {name} has been late.
page {number}, line {number2}.
dear {name}, thank you for {thing}.
they don't usually {verb} {thing} in {month}.
wasn't {name} supposed to {verb} {thing}?
i'll be back in {number} {unit}.
you're welcome, {name}.
we should've gone to {place} in {month} instead.
{name} bought {thing} for {money} in {place}.
every {day}, {name} walks from {place} to {place2}.
to {verb} {thing}, you have to {verb2} {thing2} first.
""".strip().splitlines()

_SHORT = """
yes. no. goodbye. hello. hi. thanks. thank you. please. sorry. okay. sure. maybe. never. always. stop. go. wait.
help! why? what? when? where? who? how? which one?
good morning. good night. good luck! well done! of course. no problem. not now. come in. sit down. hurry up! be
quiet. try again. see you. see you later. bye. bye bye. right. wrong. exactly. absolutely.
indeed. certainly. probably. today. tomorrow. yesterday. tonight. now. later. soon. here. there. up. down. left.
right. turn right. go home. come here. look out! watch out! let's go. i see. i know. me too. you too.
why not? how come? what's that? who's that? it's fine. all right. very good. great! excellent! wonderful!
amazing! fantastic! nice. cool. wow! oh. ah. hmm. well. so. but. and. or. the. a. monday. tuesday. wednesday.
thursday. friday. saturday. january. february. march. april. may. june. july. august. september. october.
november. december. spring. summer. autumn. winter. north. south. east. west. red. green. blue. yellow.
black. white. coffee. tea. water. milk. bread. breakfast. lunch. dinner. mother. father. brother. sister. thank
god. my pleasure. don't worry. never mind. one moment. just kidding. cheers. congratulations! welcome.
error. warning. finished. ready? ready. done. start. pause. resume. play. cancel. confirm. delete. save. repeat.
again. more. less. enough. everything. something. anything. somebody. nobody. everybody. attention please.
"""


def sentences(rng: random.Random) -> Iterator[str]:
    """Endless template sentences with random contents."""
    while True:
        yield rng.choice(_TEMPLATES).format_map(_Slots(rng))


def short_items() -> list[str]:
    """The short phrases as they stand in the table."""
    return _split(" ".join(_SHORT.split()))


def short_phrases(rng: random.Random) -> Iterator[str]:
    """Every short phrase once in its own and once in other punctuation, numbers and times; then it ends."""
    phrases = short_items()
    rng.shuffle(phrases)
    for phrase in phrases:
        yield phrase
        yield phrase[:-1] + rng.choice([".", "?", "!", ","])
    for number in range(200):
        yield numbers.cardinal(str(number)) + "."
    for number in range(1, 60):
        yield numbers.ordinal(str(number)) + "."
    for slot in ("time", "money", "date", "year") * 60:
        yield _Slots(rng)[slot] + "."


def _split(line: str) -> list[str]:
    pieces, start = [], 0
    for index, character in enumerate(line):
        if character in ".?!":
            pieces.append(line[start : index + 1].strip())
            start = index + 1
    return pieces


class _Slots(dict[str, str]):
    """A fresh random filling for every slot; a trailing digit only tells slots of one template apart."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def __missing__(self, key: str) -> str:
        value = _FILLERS[key.rstrip("23")](self._rng)
        self[key] = value
        return value


def _time(rng: random.Random) -> str:
    half = rng.choice(["", "a", "p"])
    hour = rng.randint(1, 12) if half else rng.randint(1, 23)
    return numbers.clock(str(hour), f"{rng.choice([0, rng.randrange(60), 15, 30, 45]):02d}", half)


def _money(rng: random.Random) -> str:
    whole = str(rng.choice([rng.randint(0, 20), rng.randint(0, 200), rng.randint(0, 5000)]))
    amount = whole + rng.choice(["", "", f".{rng.randrange(1, 100):02d}", ".50", ".99"])
    return money.words(rng.choice("$$$£€"), amount)


def _number(rng: random.Random) -> str:
    limit = rng.choice([12, 20, 100, 100, 1_000, 10_000, 1_000_000])
    return numbers.cardinal(str(rng.randrange(2, limit)))


def _digits(rng: random.Random) -> str:
    groups = (rng.choice([2, 3, 4]) for _ in range(rng.randint(1, 3)))
    return ", ".join(numbers.spelled("".join(rng.choices("0123456789", k=size))) for size in groups)


def _pick(options: list[str]) -> Callable[[random.Random], str]:
    return lambda rng: rng.choice(options)


_FILLERS: dict[str, Callable[[random.Random], str]] = {
    "name": _pick(_NAMES),
    "place": _pick(_PLACES),
    "thing": _pick(_THINGS),
    "adjective": _pick(_ADJECTIVES),
    "verb": _pick(_VERBS),
    "day": _pick(_DAYS),
    "month": _pick(_MONTHS),
    "subject": _pick(_SUBJECTS),
    "unit": _pick(_UNITS),
    "time": _time,
    "money": _money,
    "number": _number,
    "digits": _digits,
    "digit": lambda rng: numbers.cardinal(str(rng.randrange(10))),
    "ordinal": lambda rng: numbers.ordinal(str(rng.randint(1, 60))),
    "date": lambda rng: f"{rng.choice(_MONTHS)} {numbers.ordinal(str(rng.randint(1, 31)))}",
    "year": lambda rng: numbers.year(str(rng.randint(1700, 2035))),
}
