"""What others report of streaming synthesis on GPUs: figures to stand beside, none of them measured here.

Hardware, texts and what counts as first audio differ from row to row and from ours, so that they say where we stand and
not who is faster. Sources: the projects' own pages, as named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Peer:
    name: str
    hardware: str
    source: str
    first_audio_ms: Mapping[int, float] = field(default_factory=dict)  # streams -> ms
    statistic: str = "p50"
    streams: int | None = None  # in real time at once, by its own definition


PEERS = (
    Peer(
        name="Chatterbox streaming fork",
        hardware="RTX 4090",
        source="davidbrowne17/chatterbox-streaming, README",
        first_audio_ms={1: 472},
        statistic="one figure",
    ),
    Peer(
        name="Chatterbox multilingual, mean flow",
        hardware="L4",
        source="Inigomf/chatterbox-multilingual-meanflow-streaming, model card",
        first_audio_ms={1: 172},
        statistic="p95",
    ),
    Peer(
        name="Chatterbox on vllm-omni",
        hardware="RTX 5090",
        source="mohamed-rabee3/chatterbox-v3-vllm-omni, README and artifacts",
        first_audio_ms={1: 296, 2: 350, 4: 549, 8: 1103},
        statistic="p95",
        streams=2,
    ),
    Peer(
        name="CosyVoice2 + DiT, Triton",
        hardware="L20",
        source="FunAudioLLM/CosyVoice, runtime/triton_trtllm",
        first_audio_ms={1: 197.5, 2: 281, 4: 511, 6: 922, 8: 1020, 10: 1215},
        statistic="mean",
    ),
    Peer(
        name="nanovllm-voxcpm",
        hardware="RTX 4090",
        source="nanovllm-voxcpm, README",
        first_audio_ms={1: 67, 8: 79, 16: 86, 32: 114, 64: 189},
        streams=64,
    ),
    Peer(
        name="Qwen3-TTS on vllm-omni",
        hardware="H100",
        source="vllm-project/vllm-omni#7781",
        first_audio_ms={64: 353},
    ),
    Peer(name="Orpheus by SAIL", hardware="H100", source="silares.com", streams=216),
)
