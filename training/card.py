"""Everything that a lent GPU can train, in one command and a few minutes, from what can be carried there.

    python -m training.card pack --work WORK --card CARD        # here: codes and checkpoints, about 40 MB
    python -m training.card train --card CARD --device cuda     # there: 8 minutes, at one process a core

The speech itself is not carried: the teacher says it again from its phonemes, side by side on all cores, some fifty
times faster than real time on each. Then flow and vocoder go on from their checkpoints. There: this repository, torch,
scipy, safetensors, onnx, onnxruntime and the wheel of hibari-tts. What is new lies in CARD/flow/critic and CARD/pulse,
from where `training.sharpening`, `training.flow_critic --export` and `training.assemble` take it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from training import features, flow_critic
from training.codes import Rendered, analysed
from training.dataset import Dataset, Utterance

if TYPE_CHECKING:
    from training.teachers import Heart

COPIED = ("codebook.f32.npy", "stats.json", "prompts.json")  # of a data set, as they are
SPEECH_S, FLOW_SHARE = 90.0, 0.55  # for the teacher; then the flow's part of what is left, the rest is the vocoder's
CHUNK = 16  # utterances that a process says before it is given others


def pack(work: Path, card: Path, utterances: int) -> None:
    """The first utterances' symbols and codes, and checkpoints with the averaged weights and nothing else."""
    dataset, folder = Dataset(work / "dataset"), card / "dataset"
    kept, end = dataset.utterances[:utterances], dataset.utterances[:utterances][-1].token_range.stop
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copyfile(dataset.path / name, folder / name)
    for name in ("tokens.i16.npy", "align.i16.npy"):
        np.save(folder / name, np.load(dataset.path / name, mmap_mode="r")[:end])
    with (folder / "meta.jsonl").open("w") as lines:
        lines.writelines(json.dumps(vars(utterance)) + "\n" for utterance in kept)
    trained = torch.load(work / "flow" / flow_critic.NAME / "checkpoint.pt", weights_only=True, map_location="cpu")
    _save(card / "flow" / "checkpoint.pt", {"average": trained["average"]})
    vocoder = torch.load(work / "pulse" / "checkpoint.pt", weights_only=True, map_location="cpu")
    _save(card / "pulse" / "checkpoint.pt", {"mean": vocoder["mean"], "stage": ""})


def _save(path: Path, state: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)


@cache
def _teacher(work: Path) -> tuple[Heart, dict[str, int]]:
    """Of a process."""
    from training import teachers

    return teachers.Heart(work, os.getpid()), teachers.phoneme_ids()


def said_again(work: Path, utterance: Utterance) -> Rendered:
    """What the data set has of an utterance, as long as it was."""
    from training import teachers

    heart, ids_of = _teacher(work)
    ids = np.array([[0, *(ids_of[symbol] for symbol in utterance.text), 0]], np.int64)
    rendered = teachers.trimmed(heart.say(utterance.text, ids), utterance.id, "anna", utterance.text)
    assert rendered is not None
    return as_long(rendered, utterance.n_tokens)


def as_long(rendered: Rendered, n_tokens: int) -> Rendered:
    """With silence behind, or less of it: the teacher's noise moves its ends by a sample or two."""
    size = n_tokens * features.HOP * 2
    wav, f0 = rendered.wav[:size], rendered.f0[: 2 * n_tokens]
    wav, f0 = np.pad(wav, (0, size - len(wav))), np.pad(f0, (0, 2 * n_tokens - len(f0)))
    return Rendered(rendered.id, rendered.voice, rendered.symbols, rendered.ends, wav, f0)


def _piece(job: tuple[Path, Sequence[Utterance]]) -> tuple[list[Rendered], list[npt.NDArray[np.float16]]]:
    """What a process does at once: utterances and their mels."""
    work, utterances = job
    rendered = [said_again(work, utterance) for utterance in utterances]
    return rendered, [analysed(one).mel for one in rendered]


def render(card: Path, processes: int, seconds: float) -> None:
    """The data set's mels and pitch, and rendered/, of as many utterances as there is time for."""
    utterances = Dataset(card / "dataset").utterances
    if processes > 1:
        _piece((card, utterances[:1]))  # which also writes the teacher's graph, once
    jobs = [(card, utterances[first : first + CHUNK]) for first in range(0, len(utterances), CHUNK)]
    began, spoken, mels = time.monotonic(), list[Rendered](), list[npt.NDArray[np.float16]]()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for rendered, mel in pool.imap(_piece, jobs):
            spoken += rendered
            mels += mel
            if time.monotonic() - began > seconds:
                break
        pool.terminate()
    folder, kept = card / "dataset", utterances[: len(spoken)]
    np.save(folder / "mel.f16.npy", np.concatenate(mels))
    np.save(folder / "f0.f32.npy", np.concatenate([one.f0 for one in spoken]))
    with (folder / "meta.jsonl").open("w") as lines:
        lines.writelines(json.dumps(vars(utterance)) + "\n" for utterance in kept)
    (card / "rendered").mkdir(exist_ok=True)
    (card / "rendered" / "anna-000.pkl").write_bytes(pickle.dumps(spoken))
    print(f"{len(spoken)} of {len(utterances)} utterances in {time.monotonic() - began:.0f} s", flush=True)


def train(card: Path, device: str, minutes: float, hours: float, processes: int) -> None:
    """Speech, then flow and vocoder one after the other; the vocoder's frames are said while the flow learns."""
    end = time.monotonic() + 60 * minutes
    render(card, processes, min(SPEECH_S, 15 * minutes))
    frames = _started("hidden", card, "--hours", str(hours))
    left = (end - time.monotonic()) / 60
    _finished(_started("flow_critic", card, "--device", device, "--minutes", f"{FLOW_SHARE * left:.3f}"))
    _finished(frames)
    left = (end - time.monotonic()) / 60
    _finished(_started("pulse", card, "--device", device, "--stage", "spectrum", "--minutes", f"{left:.3f}"))


def _started(module: str, card: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", f"training.{module}", "--work", str(card), *options])


def _finished(process: subprocess.Popen[bytes]) -> None:
    if process.wait() != 0:
        assert isinstance(process.args, list)
        raise SystemExit(f"{process.args[2]} ended with {process.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pack", "train"))
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--card", type=Path, default=Path("out/card"))
    parser.add_argument("--utterances", type=int, default=10**6, help="at most so many are packed")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0, help="for everything")
    parser.add_argument("--hours", type=float, default=1.6, help="of the teacher's frames, for the vocoder")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    if options.what == "pack":
        pack(options.work, options.card, options.utterances)
    else:
        train(options.card, options.device, options.minutes, options.hours, options.processes)


if __name__ == "__main__":
    from training import card  # what processes are sent belongs to this module, not to the script

    card.main()
