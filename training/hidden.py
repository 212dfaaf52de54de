"""What the teacher of the female voice says of every frame: python -m training.hidden --work DIR --hours 2

Reads the phonemes of DIR/rendered/anna-*.pkl, says them again and writes DIR/hidden/ (see `segments.py`) and
DIR/head.npz.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from hibari import Hibari, dsp
from onnx import TensorProto, helper

from training.features import Floats, mel_spectrogram
from training.segments import FAST
from training.teacher_head import HIDDEN, teacher_head

SHORTEST = 80  # frames of 12.5 ms
MOST_SYMBOLS = 400


@dataclass(frozen=True)
class Frames:
    """An utterance."""

    hid: npt.NDArray[np.float16]  # [J, 256]
    f0: Floats  # [J] Hz
    mel: npt.NDArray[np.float16]  # [5 J / 8, 80]
    wav: npt.NDArray[np.int16]  # [300 J]


def said(work: Path, seconds: float) -> Iterator[Frames]:
    teacher = Hibari()
    model = onnx.load(str(teacher.model_path))
    model.graph.output.append(helper.make_tensor_value_info(HIDDEN, TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    made = number = 0
    for path in sorted((work / "rendered").glob("anna-*.pkl")):
        for rendered in pickle.loads(path.read_bytes()):
            ids = teacher.ids(rendered.symbols)
            if len(ids) > MOST_SYMBOLS:
                continue
            feed = {"ids": np.asarray([ids], np.int64), "speed": np.ones(1, np.float32)}
            *parts, hid = session.run(None, feed)
            f0, size = parts[5][0], len(parts[5][0]) // FAST * FAST
            if size < SHORTEST:
                continue
            wav = dsp.synth(*(part[0] for part in parts), np.random.default_rng(number))[: 300 * size]
            pcm = np.round(np.clip(wav, -1, 1) * 32767).astype(np.int16)
            mel = mel_spectrogram(wav).astype(np.float16)
            yield Frames(hid[0][:size].astype(np.float16), f0[:size], mel, pcm)
            number, made = number + 1, made + size
            if made >= 80 * seconds:
                return


def write(folder: Path, utterances: list[Frames]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("hid", "f0", "mel", "wav"):
        np.save(folder / f"{name}.npy", np.concatenate([getattr(one, name) for one in utterances]))
    np.save(folder / "frames.npy", np.array([len(one.f0) for one in utterances]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--hours", type=float, default=2.0)
    options = parser.parse_args()
    head = teacher_head(str(Hibari().model_path))
    np.savez(options.work / "head.npz", weight=head.weight, bias=head.bias)
    write(options.work / "hidden", list(said(options.work, 3600 * options.hours)))


if __name__ == "__main__":
    main()
