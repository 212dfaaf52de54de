"""All kinds of attack, by name."""

from __future__ import annotations

from benchmarks.attack import calls, connections, messages
from benchmarks.attack.messages import each, flood, raw, text, with_unknown_field
from benchmarks.attack.target import CONFIG, Request, Round
from benchmarks.attack.texts import TEXTS, odd_text
from gapless.tts.v1 import tts_pb2 as pb

UNPACED = Request(config=pb.SynthesisConfig(streaming=calls.UNPACED))
WITH_WORDS = Request(config=pb.SynthesisConfig(streaming=pb.StreamingConfig(want_alignment=True)))
TELEPHONE = Request(
    config=pb.SynthesisConfig(
        streaming=calls.UNPACED,
        audio_format=pb.AudioFormat(encoding=pb.AUDIO_ENCODING_MULAW, sample_rate_hertz=8_000),
    )
)

_FLOODS: dict[str, Round] = {
    "one-character texts": flood(text("a")),
    "one-character sentences": flood(text("a. ")),
    "empty texts": flood(text("")),
    "flushes": flood(Request(flush=pb.Flush(flush_id=1))),
    "a character and a flush in turn": flood(text("a"), Request(flush=pb.Flush(flush_id=1))),
    "texts that end after each flush": each(
        [CONFIG, *[text("Hi. "), Request(flush=pb.Flush(flush_id=1))] * 90, Request(end_of_input=pb.EndOfInput())], 3
    ),
    "playback reports": flood(Request(playback=pb.PlaybackReport(played_samples=1))),
    "playback reports of great numbers": flood(Request(playback=pb.PlaybackReport(played_samples=2**64 - 1))),
    "config again and again": each([CONFIG] * 50, 50),
    "events of no kind": each([CONFIG, *[Request()] * 50], 50),
    "no config": each([text("Hello.")], 50),
    "a config of 20,000 pronunciations": each([messages.many_pronunciations(20_000)], 10),
    "pronunciations of new words": messages.new_pronunciations,
    "texts of 3.9 MiB": each([CONFIG, text("x" * (39 * (1 << 20) // 10))], 10),
    "texts of half a MiB": each([CONFIG, text("x" * (1 << 19))], 10),
    "messages of 8 MiB": each([CONFIG, text("x" * (8 << 20))], 5),
    "audio as fast as it is made": odd_text(TEXTS["ordinary sentences"], UNPACED),
    "audio for a telephone, as fast as it is made": odd_text(TEXTS["ordinary sentences"], TELEPHONE),
    "numbers with word times": odd_text(TEXTS["numbers of many digits"], WITH_WORDS),
    "garbage in place of a message": raw(b"\xff" * 1000),
    "broken text among a million fields": raw(CONFIG.SerializeToString(), messages.broken_text(1_000_000)),
    "broken text among 110,000 fields": raw(CONFIG.SerializeToString(), messages.broken_text(110_000)),
    "a megabyte of unknown fields": raw(CONFIG.SerializeToString(), with_unknown_field(text("Hello. "), 1 << 20)),
}
_CALLS: dict[str, Round] = {
    "2,000 silent calls": calls.silent(2_000),
    "calls of config only": calls.only_config(100),
    "calls given up at once": calls.given_up_at_once,
    "SynthesizeText, long": calls.whole_texts("This is a sentence like many others. " * 100, 20),
    "SynthesizeText, one word each": calls.whole_texts("Hi.", 100),
    "SynthesizeText, nothing to speak": calls.whole_texts("...", 100),
    "audio that nobody reads": calls.never_reads,
    "health": calls.without_limits("/grpc.health.v1.Health/Check"),
    "a method that does not exist": calls.without_limits("/gapless.tts.v1.TextToSpeechService/Sing"),
    "much metadata": calls.much_metadata,
    "GetServerInfo": calls.unary(lambda stub: stub.GetServerInfo(pb.GetServerInfoRequest())),
    "ListVoices": calls.unary(lambda stub: stub.ListVoices(pb.ListVoicesRequest())),
    "ProbeClock": calls.unary(lambda stub: stub.ProbeClock(pb.ProbeClockRequest())),
    "CreateVoice, huge": calls.upload(bytes(3 << 20), 20, 0.0),
    "CreateVoice, trickling": calls.upload(b"RIFF", 20, 0.05),
}
_CONNECTIONS: dict[str, Round] = {
    "a connection for each call": calls.one_call_each,
    "a connection for each utterance": calls.one_utterance_each("This is one of many sentences.", 50),
    "sockets that say nothing": connections.held_sockets(b""),
    "sockets that begin a handshake": connections.held_sockets(connections.PREFACE[:10]),
    "connections without a call": connections.held_sockets(connections.GREETING),
    "sockets with garbage": connections.garbage,
    "pings": connections.frames(connections.frame(connections.PING, bytes(8))),
    "window updates": connections.frames(connections.frame(connections.WINDOW_UPDATE, (1).to_bytes(4, "big"))),
}

KINDS: dict[str, Round] = {name: odd_text(said) for name, said in TEXTS.items()} | _FLOODS | _CALLS | _CONNECTIONS

SHORT = ("'Hi! ' again and again", "flushes", "2,000 silent calls")
"""What a change is tried with: the worst of each sort."""
