"""The mels that the flow makes of true codes, for the vocoder to learn from: python -m training.flow_mels --work DIR

Writes DIR/flow-mels/hidden.npy [T, 80] float16: of the utterances of DIR/hidden, one after the other and as long as
their true mels, so many as --hours say. What the flow cannot know is blurred in them.
"""

from __future__ import annotations

import argparse
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from engine.checkpoints.config import build
from engine.networks.flow.flow import Flow, FlowConfig
from engine.networks.flow.state import FlowPrompt
from training import features
from training.codes import VOICES, Coder
from training.dataset import FRAMES_PER_TOKEN, HOP, Dataset
from training.flow import CONFIG
from training.segments import Segments
from training.t3_batches import speaker_vectors

Mel = npt.NDArray[np.float16]


class Imagined:
    def __init__(self, work: Path) -> None:
        self._flow = Flow(build(FlowConfig, json.loads(CONFIG.read_text()), str(CONFIG))).eval()
        self._flow.load_state_dict(torch.load(work / "flow" / "checkpoint.pt", weights_only=True)["average"])
        self._coder: Coder = pickle.loads((work / "coder.pkl").read_bytes())
        speakers, dataset = speaker_vectors(len(VOICES), self._flow.config.speaker_width), Dataset(work / "dataset")
        self._prompts = {
            voice: self._prompt(dataset, voice, speakers[number : number + 1]) for number, voice in enumerate(VOICES)
        }

    def _prompt(self, dataset: Dataset, voice: str, speaker: torch.Tensor) -> FlowPrompt:
        prompt = dataset.prompt(voice)
        tokens, mel = (torch.from_numpy(part)[None] for part in (dataset.tokens(prompt), dataset.mel(prompt)))
        return self._flow.prepare_prompt(tokens, mel, speaker)

    @torch.inference_mode()
    def __call__(self, mel: features.Floats, f0: features.Floats, voice: str, seed: int) -> Mel:
        """True mel [T, 80], pitch at its frames [T] -> the flow's."""
        whole = len(mel) // FRAMES_PER_TOKEN * FRAMES_PER_TOKEN
        codes = self._coder.codes_of(mel[:whole], f0[:whole], voice)
        made = self._flow.offline(torch.from_numpy(codes)[None], self._prompts[voice], seed)[0].T.numpy()
        return np.concatenate([made, mel[whole:]]).astype(np.float16)


def of_utterances(imagined: Imagined, segments: Segments) -> Iterator[Mel]:
    for number, (mel, pitch) in enumerate(segments.utterances()):
        yield imagined(mel, features.at_frames(pitch, 0, len(mel)), VOICES[0], number)


def prefix(mels: Iterator[Mel], hours: float) -> Mel:
    """As many as last so long, one after the other."""
    kept, frames = list[Mel](), 0
    for mel in mels:
        kept.append(mel)
        frames += len(mel)
        if frames * HOP >= hours * 3600 * features.SAMPLE_RATE:
            break
    return np.concatenate(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--hours", type=float, default=0.8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = options.work / "flow-mels"
    folder.mkdir(parents=True, exist_ok=True)
    imagined, segments = Imagined(options.work), Segments(options.work, rows=1, size=1, seed=0)
    np.save(folder / "hidden.npy", prefix(of_utterances(imagined, segments), options.hours))


if __name__ == "__main__":
    main()
