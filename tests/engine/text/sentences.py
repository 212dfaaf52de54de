"""What is said in the tests, in the 23 languages of the multilingual models."""

from __future__ import annotations

SENTENCES = {  # two of them, with their white space
    "ar": "مرحبا، كيف حالك؟ الطقس جميل اليوم.",
    "da": "Hvad hedder du? Vi ses den 3. juli i København.",
    "de": "Schöne Grüße aus München! Das kostet z. B. fünf Euro.",
    "el": "Τι κάνεις; Είμαι καλά, ευχαριστώ.",
    "en": "How are you today? It's a fine, bright morning.",
    "es": "¿Cómo estás? ¡Qué día tan bonito!",
    "fi": "Hyvää päivää! Mitä kuuluu, ystäväni?",
    "fr": "Où est la gare ? C'est l'été : il fait très chaud…",
    "he": "שלום, מה שלומך? היום יום יפה.",
    "hi": "नमस्ते, आप कैसे हैं? आज मौसम अच्छा है। धन्यवाद!",
    "it": "Perché no? Andiamo al mare; è una bella giornata.",
    "ja": "今日はとても良い天気ですね。東京へ行きましょうか？",
    "ko": "안녕하세요, 잘 지내셨어요? 오늘은 날씨가 좋네요.",
    "ms": "Apa khabar? Saya pergi ke pasar pagi ini.",
    "nl": "Hoe gaat het? Het regent, zoals altijd.",
    "no": "Hvordan har du det? Vi går på tur på søndag.",
    "pl": "Jak się masz? Dziś jest piękna, słoneczna pogoda.",
    "pt": "Como você está? Não há pão na mesa.",
    "ru": "Как дела? Сегодня хорошая погода, ёлки зелёные!",
    "sv": "Hur mår du? Det är en fin dag på sjön.",
    "sw": "Habari gani? Leo ni siku nzuri sana.",
    "tr": "Nasılsın? İstanbul'da hava çok güzel, değil mi?",
    "zh": "你好，今天天气怎么样？我们一起去公园吧！",
}

PUNCTUATED = (
    "hello world",
    "Hello, world.",
    "wait... what - now; really: yes",
    "“Quoted” text — with dashes – and ‘more’ , spaced",
    "what?!",
    "a list: one; two; three",
    "ends with a dash -",
    "well… then",
    "tabs\tand\nlines  and   spaces",
    "X",
    "élan vital",
    "1,234.50 at 10:30",
    "*bold* _it_ #1 & co @home",
    "naïve café, Ω and Ж",
    "ALL CAPS",
    '"quoted."',
    "trailing comma,",
    "... leading dots",
    "in - out-and-in – through",
    "semi;colon",
)
TAGGED = (
    "Oh! [laugh] that is funny.",
    "[clear throat] Good morning [sigh]",
    "no[laugh]space[laugh]",
    "[laughs] is no tag, [laugh is none either]",
)
