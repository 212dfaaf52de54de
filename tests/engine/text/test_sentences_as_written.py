"""Sentences as language models write them: with pauses, without spaces between, slowly, with abbreviations."""

from __future__ import annotations

import pytest

from tests.engine.text.markup.reading import style
from tests.engine.text.test_segmenter import after, cut

PAUSED = [
    "Let me look that up.", "One moment, please.", "Sure!", "Is it for tonight?", "I will check the calendar.",
    "Your table is at 7:30 p.m.", "That is $5.50, I think.", 'She said "yes."', "It is (more or less) done.",
    "Well... maybe not.", "He works at Acme Inc.", "See you at 5!", "Wait — what?", "It costs 20 euros.",
    "R&D is on floor two.", "Open main.py first.", "¿Cuántas personas?", "Das ist gut.", "これでいいですか。", "Done.",
    "I asked Dr. Lee.", "We left, then it rained.", "A 5 * 3 grid!",
]  # fmt: skip
GLUED = [
    ("I found three rooms.Which one do you want?", "I found three rooms."),
    ("Really?Yes, of course.", "Really?"), ("That makes 12.Then we left.", "That makes 12."),
    ("We are done.I will call.", "We are done."), ("“It works.”Then she left.", "“It works.”"),
    ("Great!Let us begin.", "Great!"), ("It is late.He left.", "It is late."), ("No.That is wrong.", "No."),
    ("I like it.It's good.", "I like it."), ("Call me.Anna will answer.", "Call me."), ("Ok.Now we go.", "Ok."),
    ("It rained.A dog barked.", "It rained."), ("He is in Rome.She is too.", "He is in Rome."),
    ("Thanks!Bye.", "Thanks!"), ("What?Who said that?", "What?"), ("It costs 50.That is cheap.", "It costs 50."),
    ("Stop it.Please.", "Stop it."), ("We won.Congratulations to all.", "We won."),
    ("That works.However, it is slow.", "That works."), ("I see.Let me check.", "I see."),
    ("It ended in 2019.Since then it is quiet.", "It ended in 2019."), ("Come in.The door is open.", "Come in."),
    ("Come at 5 p.m.Bring the book.", "Come at 5 p.m."), ("It opens at 7 a.m.We wait.", "It opens at 7 a.m."),
    ("Ask Acme.com.We like it.", "Ask Acme.com."), ("Open main.py.Then run it.", "Open main.py."),
    ("I have 3.The rest is gone.", "I have 3."), ("It rose by 4.2.It fell later.", "It rose by 4.2."),
    ("It costs $5.50.That is cheap.", "It costs $5.50."), ("I live in the U.S.It is big.", "I live in the U.S."),
    ("(It is true.)But why?", "(It is true.)"), ("我们走吧。好的。", "我们走吧。"),
]  # fmt: skip
WHOLE = [
    "Use Node.JS here", "See example.Com now", "It is System.Text.Json", "call list.Add(3)", "Read Readme.Md first",
    "the U.S.Army", "mail bob@site.Example now", "St.Louis and Mt.Hood", "ASP.NET and Socket.IO", "v1.Beta_two",
    "e.g.This one", "open C:\\a.Txt now", "https://a.b/C.Html now", "x.Y is a field", "J.R.R.Tolkien wrote",
    "3.5 is it", "3.The first one", "Ask example.com.Foo now", "Mail a@b.com.The rest", "Use v4.2.Beta here",
    "the U.S.Navy came", "At 5 p.m.EST we go",
    "Ph.D.Students go", "config.Yaml and data.Json", "object.Method() runs", "Vue.JS or Next.JS", "a.k.a.Bob here",
]  # fmt: skip
TITLED = [
    ["Gen. Lee near Mt. Hood.", "It rained."],
    ["12 Oak Dr. or 9 Elm Ave. Apt. 4B."],
    ["Mr. Fox met Mrs. Hen.", "Good."],
    ["I live on 12 Oak Dr.", "The house is red."],
    ["He is in the U.S. Army.", "Fine."],
    ["Prof. Ada and Lt. Col. Bo left."],
    ["He is in the U.S.", "The army is."],
    ["Take No. 5 now.", "No.", "I will not."],
    ["St. John and Ft. Worth are far."],
    ["At 10:00 p.m. EST we go.", "Or 5 p.m. Monday."],
    ["Capt. Hook, Sgt. Pepper and Rev. Green came."],
    ["Sen. Paul and Gov. Smith met Pres. Lee."],
    ["J. R. R. Tolkien wrote it.", "I read it."],
    ["See Fig. 3 and p. 12."],
    ["Acme Inc. sells it.", "Buy it."],
    ["It is approx. 5 km.", "We walked."],
    ["Jan. 5 or Feb. 6 is fine."],
    ["Meet at 5 p.m.", "Bring the book."],
    ["Sammy Davis Jr. sang.", "Fine."],
    ["Apples, pears, etc. are in.", "Good."],
    ["He sat.", "I was in the sun.", "We left."],
    ["Dr. Who?", "Yes."],
    ["e.g. this, i.e. that."],
]


@pytest.mark.parametrize("sentence", PAUSED)
@pytest.mark.parametrize("pace_s", [0.02, 0.1])
def test_a_whole_sentence_goes_at_once_when_the_writer_pauses(sentence: str, pace_s: float) -> None:
    """Word by word, then a tool call of four seconds: nothing is left behind, and nothing waits for the call."""
    pieces = [(n * pace_s, word if n == 0 else f" {word}") for n, word in enumerate(sentence.split(" "))]
    ended_s = pieces[-1][0]
    cuts = after([*pieces, (ended_s + 4, " I found three rooms."), (ended_s + 4.1, " ")], ended_s + 4.2)
    before = [(at, text) for at, text in cuts if at < ended_s + 4]
    assert " ".join(text for _, text in before) == sentence
    assert before[-1][0] <= ended_s + 1.0
    assert [text for at, text in cuts if at >= ended_s + 4] == ["I found three rooms."]


@pytest.mark.parametrize(("text", "first"), GLUED)
def test_sentences_without_a_space_between_are_two(text: str, first: str) -> None:
    assert cut([text])[0] == first
    assert cut(list(text)) == cut([text])
    assert cut([first, text.removeprefix(first)]) == cut([text]), "as two pieces"


@pytest.mark.parametrize("text", WHOLE)
def test_hosts_files_and_names_are_not_cut(text: str) -> None:
    assert cut([text]) == [text]
    assert cut(list(text)) == [text]


@pytest.mark.parametrize("segments", TITLED, ids=repr)
def test_a_title_or_an_abbreviation_ends_no_sentence(segments: list[str]) -> None:
    text = " ".join(segments)
    assert cut([text]) == segments
    assert cut(list(text)) == segments


@pytest.mark.parametrize("pace_s", [0.25, 0.35, 0.45])
@pytest.mark.parametrize("sentence", [one for one in PAUSED if "," not in one and len(one.split()) > 3])
def test_a_slow_writer_gets_whole_sentences(sentence: str, pace_s: float) -> None:
    text = f"{sentence} And that is all."
    pieces = [(n * pace_s, word + " ") for n, word in enumerate(text.split(" "))]
    assert " ".join(said for _, said in after(pieces, pieces[-1][0] + 2)) == text
    assert all(said[-1] in '.!?。")”' for _, said in after(pieces, pieces[-1][0] + 2))


TORN = [
    ("Dose is 0.", "5 mg daily."), ("It is $1,250.", "50 in all."), ("It is $3.", "99 today."),
    ("I weigh 2.", "5 kg more."), ("Use v2.", "1 of it."), ("Take (0.", "25 mg) now."), ("Pi is “3.", "14” or so."),
    ("It grew by -0.", "5 percent."), ("Pay €1.", "250,00 now."), ("The host is 192.", "168.0.1 here."),
    ("Visit www.", "example.org now."), ("Visit https://www.", "example.org now."),
    ("See https://example.", "org now."),
]  # fmt: skip
ENDED = ["It was built in 1987.", "That was in 2019.", "We meet at 10:30.", "It is 3/4.", "See www.example.org."]


@pytest.mark.parametrize(("begun", "rest"), TORN)
@pytest.mark.parametrize("pause_s", [1.5, 4])
def test_no_pause_ends_a_number_or_an_address_at_its_dot(begun: str, rest: str, pause_s: float) -> None:
    cuts = after([(0, begun), (pause_s, rest), (pause_s + 0.1, " ")], pause_s + 0.2)
    assert [said for _, said in cuts] == [begun + rest]


@pytest.mark.parametrize(("begun", "rest"), TORN)
def test_a_number_at_the_end_of_a_text_is_spoken_after_a_long_pause(begun: str, rest: str) -> None:
    assert after([(0, begun)], 6.1) == [(6, begun)]


@pytest.mark.parametrize("text", ENDED)
def test_a_year_a_time_and_a_whole_address_end_a_sentence(text: str) -> None:
    assert [said for _, said in after([(0, text)], 1.1)] == [text]


def test_an_ordinal_waits_for_what_follows_its_space() -> None:
    assert after([(0, "Wir sind am 3. ")], 0.9) == []
    assert after([(0, "There are 12. ")], 1.1) == [(1, "There are 12.")]


GOES_ON = [
    "The max. load is 5 kg.", "Keep a min. distance of 2 miles.", "The temp. was 20 degrees.", "Net wt. 12 grams.",
    "Set the qty. to 5.", "The amt. due is small.", "The avg. price fell.", "All fees incl. tax.",
    "Ten euros excl. shipping.", "We have misc. items.", "Call tel. 555 now.", "Add 2 tsp. sugar.",
    "Add 1 tbsp. 30 minutes later.", "It is 4 in. deep.", "A 65-in. screen.", "Drink 12 fl. oz. of it.",
    "Use 8 oz. flour.", "One pkg. yeast.", "Add 3 qt. water.", "An area of 5 sq. ft. or so.", "Walk 3 mi. north.",
    "See Eq. 5 and Eq. B here.", "By Sec. IV of it.", "See Figs. 3 and 4.", "Read Ch. 7 or Ch. V today.",
    "The 2nd ed. was better.", "By Art. 5 of it.", "In vols. 2 and 3.", "By Thm. 4 we win.", "See App. B there.",
    "Lee et al. agree with it.", "Lee et al. (2019) agree.", "Pay Rs. 500 now.", "Use Acct. 12 today.",
    "We met Pvt. Ryan there.", "Ask Supt. Lee now.", "So said Fr. Brown once.", "Jo Lee, Esq. agreed.",
    "Take Rte. 5 now.", "It is in Bldg. C today.", "On Fl. 3 there.", "In Rm. 5 there.", "The serial no. A1B2 is it.",
    "At 7:00 a.m. Eastern we go.", "By 5 p.m. Pacific we go.", "Ask Det. Stone now.", "Take no. 5 now.",
]  # fmt: skip
FACTORIALS = ["So n! = 120 holds.", "Here 5! + 3! is 126.", "And (n-1)! * n is it.", "Then k! / 2 is odd."]
ENDS_THERE = [
    ["That is the max.", "Then we left."], ["It is 4 in.", "The box fits."], ["I said no.", "5 people left."],
    ["Yes or no.", "3 men came."], ["He said, no.", "7 of us did."], ["She likes art.", "5 of us do."],
    ["Open the app.", "3 tabs show."], ["Come in.", "2 of us are here."], ["It was no.", "1 thing is clear."],
    ["See Lee et al.", "They agree."], ["I paid the avg.", "It was fine."], ["I like the rep.", "She is good."],
    ["Do you know Al.", "He is fun."], ["It weighs 5 lbs.", "Lift it."], ["No.", "A man came."],
    ["See you at 5!", "Bring it."], ["Plan b!", "Yes."],
]  # fmt: skip


@pytest.mark.parametrize("text", GOES_ON + FACTORIALS)
def test_a_sentence_goes_on_behind_an_abbreviation(text: str) -> None:
    assert cut([text + " Good."]) == [text, "Good."]
    assert cut(list(text + " Good.")) == [text, "Good."]


@pytest.mark.parametrize("segments", ENDS_THERE, ids=repr)
def test_an_abbreviation_or_a_word_like_one_ends_a_sentence(segments: list[str]) -> None:
    assert cut([" ".join(segments)]) == segments
    assert cut(list(" ".join(segments))) == segments


@pytest.mark.parametrize(
    ("line", "said"),
    [("- eggs\n", "eggs."), ("* **eggs**\r\n", "eggs."), ("1. Preheat it\n", "1, Preheat it."),
     ("  - [ ] buy `milk`\n", "buy milk."), ("- two\n  lines\n", "two\nlines."), ("# Eggs\n", "Eggs.")],
)  # fmt: skip
def test_an_item_of_a_list_is_over_when_the_writer_pauses_behind_its_line(line: str, said: str) -> None:
    how = style("auto")
    assert [text for _, text in after([(0, line)], 2.9, how)] == [said]
    assert after([(0, line.rstrip())], 0.9, how) == []
