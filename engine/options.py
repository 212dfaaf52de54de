"""How an engine is to work: what `python -m service` and who embeds the engine can choose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    max_utterances: int | None = None  # at once; None: as many as `load` measures to fit in real time
    utterance_memory_bytes: int | None = None  # for all utterances; None: what max_utterances need, or half of the rest
    device: str = "auto"
    dtype: str = ""  # see `Precision.parse`; "" = the device's defaults
    form: str | None = None  # of the flow; None: what the checkpoint is made for
    variant: str | None = None  # of a published checkpoint; None: what its files say
    normalize: bool = True  # numbers and abbreviations are spelled out
    pronunciations: Path | None = None  # a lexicon for all utterances (engine.text.pronunciations)
    watermark: bool = False  # mark all audio by PerTh
    deterministic: bool = False  # same seed, same samples, whatever the load: the ladder's windows, a fixed T3 batch
    by_deadline: bool = True  # window sizes follow the listener's deadline; False: the ladder's sizes
    speculate: bool = False  # windows with less lookahead to be in time, and run ahead of the stop token
    ladder: tuple[int, ...] | None = None  # tokens of the windows; None: the model's
    sequential: bool = False  # T3 rests while the flow works: the baseline of benchmarks
    graphs: bool = True  # T3's steps are captured and replayed; False: for debugging
    threads: int | None = None  # torch threads of each worker on a CPU; None: what suits model and machine
    voices_dir: Path | None = None  # where created voices are stored; None: none can be created
    voice_memory_bytes: int | None = None  # for prepared voices; None: the device's share for them
    max_text_delay_s: float = 1.0
    channel_s: float = 2.0  # audio that may wait for its listener, per utterance

    def __post_init__(self) -> None:
        if self.max_utterances == 0 or self.channel_s <= 0 or self.max_text_delay_s < 0:
            raise ValueError("max_utterances and channel_s must be positive, max_text_delay_s not negative")
