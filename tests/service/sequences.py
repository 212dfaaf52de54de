"""What `test_sequences` draws from: calls of every method with messages, good and bad, in any order."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message
from hypothesis import strategies as st

from gapless.tts.v1 import tts_pb2 as pb
from tests.recordings import recording
from tests.service.talk import Request, end


@dataclass(frozen=True)
class Call:
    """`actions`: messages to send, or "read", "wait", "half-close", "cancel"."""

    method: str
    request: Message | None  # None: the client streams
    actions: list[Message | str]


LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PIECES = LETTERS | st.sampled_from(["Hello there. ", "One ", "two.", " ", "\n\n", "...", "3.14", "\U0001f600", "\x00"])
NUMBERS = st.integers(0, 2**64 - 1) | st.integers(0, 5000)
CONFIGS = st.builds(
    pb.SynthesisConfig,
    voice=st.sampled_from(["", "", "anna", "karl", "nobody", "mary"]),
    language_code=st.sampled_from(["", "", "en-US", "tlh"]),
    audio_format=st.builds(
        pb.AudioFormat, encoding=st.integers(0, 6), sample_rate_hertz=st.sampled_from([0, 0, 8000, 24_000, 7])
    ),
    streaming=st.builds(pb.StreamingConfig, want_alignment=st.booleans(), want_resume_tokens=st.booleans()),
    speaking_rate=st.sampled_from([None, None, 1.0, 1.5]),
    text_format=st.sampled_from([0, 1, 2, 3, 4, 9]),
)
ACCEPTED = st.builds(lambda voice: pb.SynthesisConfig(voice=voice), st.sampled_from(["", "anna", "karl"]))
MESSAGES = st.one_of(
    st.builds(lambda piece: Request(text=pb.Text(text=piece)), PIECES),
    st.builds(lambda number: Request(flush=pb.Flush(flush_id=number)), NUMBERS),
    st.builds(
        lambda played, stopped: Request(playback=pb.PlaybackReport(played_samples=played, stopped=stopped)),
        st.just(0) | NUMBERS,
        st.booleans(),
    ),
    st.builds(lambda config: Request(config=config), CONFIGS),
    st.sampled_from([end(), Request(), Request.FromString(b"\xa2\x06\x00")]),
)
STEPS = st.sampled_from(["read", "read", "wait", "half-close", "cancel"])
FIRST = st.builds(lambda config: Request(config=config), ACCEPTED | ACCEPTED | CONFIGS) | MESSAGES

UTTERANCES = st.builds(
    lambda first, rest: Call("Synthesize", None, [first, *rest]), FIRST, st.lists(MESSAGES | STEPS, max_size=12)
)
TEXTS = st.builds(
    lambda config, pieces, steps: Call(
        "SynthesizeText", pb.SynthesizeTextRequest(config=config, text="".join(pieces)), steps
    ),
    ACCEPTED | CONFIGS,
    st.lists(PIECES, max_size=8),
    st.lists(st.sampled_from(["read", "wait", "cancel"]), max_size=4),
)

NAMES = st.sampled_from(["mary", "mary", "paul", "anna", "nobody", "", "../x", "a" * 65, "\x00"])
RECORDING = recording()
AUDIO = st.sampled_from(
    [RECORDING, RECORDING, RECORDING[:3000], recording(0.1), recording(peak=0.0), b"", b"\x00" * 99]
)
UPLOADS = st.builds(
    lambda name, audio, rest: Call(
        "CreateVoice", None, [pb.CreateVoiceRequest(config=pb.NewVoice(name=name)), *audio, *rest]
    ),
    NAMES,
    st.lists(AUDIO.map(lambda audio: pb.CreateVoiceRequest(audio=audio)), max_size=2),
    st.lists(
        st.sampled_from(
            ["wait", "half-close", "cancel", pb.CreateVoiceRequest(), pb.CreateVoiceRequest(config=pb.NewVoice())]
        ),
        max_size=2,
    ),
)
UNARY = st.one_of(
    st.builds(lambda name: ("DeleteVoice", pb.DeleteVoiceRequest(name=name)), NAMES),
    st.builds(
        lambda size, token: ("ListVoices", pb.ListVoicesRequest(page_size=size, page_token=token)),
        st.integers(-(2**31), 2**31 - 1) | st.integers(0, 3),
        st.just("") | LETTERS,
    ),
    st.just(("GetServerInfo", pb.GetServerInfoRequest())),
    st.builds(
        lambda sent: ("ProbeClock", pb.ProbeClockRequest(client_send_unix_nanos=sent)),
        st.integers(-(2**63), 2**63 - 1),
    ),
)
OTHERS = st.builds(
    lambda call, steps: Call(call[0], call[1], steps), UNARY, st.lists(st.sampled_from(["wait", "cancel"]), max_size=1)
)

SCENES = st.lists(UTTERANCES | UTTERANCES | TEXTS | UPLOADS | OTHERS, min_size=1, max_size=6)
