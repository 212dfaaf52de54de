"""Texts of 20 to 120 characters, as a voice agent would say them. None was in the embedded voice's training."""

from __future__ import annotations

from collections.abc import Iterator

TEXTS = (
    "Your appointment is confirmed for Tuesday at 3:30 p.m.",
    "I could not find that order, could you repeat the number?",
    "The train to Oxford leaves from platform nine in twelve minutes.",
    "Thanks for waiting. Your new password has been sent by mail.",
    "It will rain this evening, so take an umbrella with you.",
    "That comes to $42.50 in total, including the delivery.",
    "Sure, I have moved the meeting to Friday morning.",
    "The library closes at six, but the reading room stays open until ten.",
    "Please hold the line while I look that up for you.",
    "There are 14 people ahead of you in the queue.",
    "Turn left at the next crossing, then keep right for two miles.",
    "Your flight was delayed by an hour because of heavy fog.",
    "I am sorry to hear that. Let me see what we can do.",
    "The kitchen light is on, and the front door is locked.",
    "Would you like to pay by card or by bank transfer?",
    "Our office in Berlin opens again on Monday.",
    "The recipe needs two eggs, some butter and a cup of flour.",
    "You have three new messages, the first one is from your sister.",
    "Good morning! How did you sleep?",
    "The battery is at twenty percent and should last until noon.",
    "We ship to most countries within five working days.",
    "Can you tell me the last four digits of your account?",
    "The museum is free on Sundays, though it can be rather crowded.",
    "I have set a timer for fifteen minutes.",
    "Nobody answered the door, so the driver left the parcel with a neighbour.",
    "Dinner is ready, come and sit down.",
    "The second half of the game starts in a few moments.",
    "Her doctor told her to rest and to drink plenty of water.",
    "If you want to talk to a person, just say so.",
    "The garden looked wonderful after the long winter.",
    "Please send us the form before the end of the month.",
    "My brother plays the violin, and my sister sings.",
    "The bus stop is right across the street from the bakery.",
    "Nothing is certain yet, but we expect an answer by Thursday.",
    "Keep the receipt, you may need it later.",
    "It takes about ten minutes to walk there from the station.",
    "The company was founded in 1987 by two brothers.",
    "Shall I read the rest of the article to you?",
    "There was a short break in the music, and then the crowd began to cheer.",
    "Thank you for calling, and have a nice day!",
)

SENTENCES = (1, 2, 3, 2)  # of the utterances in turn: 3 to 15 s of speech
LONG_TEXT = " ".join(TEXTS[:20])  # about a minute of speech


def texts(count: int) -> Iterator[str]:
    """Utterances of one to three of the texts, 3 to 15 s of speech each."""
    position = 0
    for index in range(count):
        sentences = SENTENCES[index % len(SENTENCES)]
        yield " ".join(TEXTS[(position + offset) % len(TEXTS)] for offset in range(sentences))
        position += sentences
