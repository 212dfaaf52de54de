"""What the teacher of the female voice says of every frame: python -m training.hidden --work DIR --hours 2

Reads the phonemes of DIR/rendered/anna-*.pkl, says them again and writes DIR/hidden/ (see `waves.py`) and DIR/head.npz.
Each utterance comes a second time in a lower voice, `deep-mel.npy`: the same filters, smoother and stretched down by
deep.npy's first column, and the pitch times its second. Nobody speaks so, but the vocoder learns to read such mels.
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
import torch
from hibari import Hibari, dsp
from onnx import TensorProto, helper

from engine.networks.convs import Walk
from engine.networks.pulse.excitation import AHEAD, VOICED_HZ
from engine.networks.pulse.pulse import Filters, PulseConfig, PulseVocoder
from training.features import Floats, mel_spectrogram
from training.filters import TeacherFilters
from training.teacher_head import HIDDEN, teacher_head
from training.waves import FAST

SHORTEST = 80  # frames of 12.5 ms
MOST_SYMBOLS = 400
STRETCH = (1.05, 1.22)  # of the filters of the lower voice
LOWER = (0.45, 0.75)  # its pitch


@dataclass(frozen=True)
class Frames:
    """An utterance."""

    hid: npt.NDArray[np.float16]  # [J, 256]
    f0: Floats  # [J] Hz
    mel: npt.NDArray[np.float16]  # [5 J / 8, 80]
    wav: npt.NDArray[np.int16]  # [300 J]
    deep: Floats  # [2] stretch, pitch
    deep_mel: npt.NDArray[np.float16]


class LowerVoice:
    def __init__(self, filters: TeacherFilters) -> None:
        self._filters = filters
        self._vocoder = PulseVocoder(PulseConfig()).eval()

    @torch.inference_mode()
    def __call__(self, hid: Floats, f0: Floats, stretch: float, seed: int) -> Floats:
        """[J, 256], [J] Hz of the lower voice -> its sound."""
        excitation, walk = self._vocoder.excitation, Walk(None, final=True)
        factor = torch.tensor([stretch])
        pulses, noise = self._filters(torch.from_numpy(hid)[None], factor)
        ahead = torch.from_numpy(np.concatenate([f0[AHEAD:], np.zeros(AHEAD, np.float32)]))[None]
        train, _ = excitation.pulses(torch.where(ahead > VOICED_HZ, ahead, 0.0), excitation.init_phase(1), walk)
        bursts = excitation.noise([seed], [0], len(f0))
        silence = torch.zeros(0)
        return self._vocoder.sound(Filters(pulses, noise, silence, silence), train, bursts, 0, walk)[0].numpy()


def said(work: Path, seconds: float) -> Iterator[Frames]:
    teacher, lower = Hibari(), LowerVoice(TeacherFilters.load(work / "head.npz", "cpu"))
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
            random = np.random.default_rng(number)
            wav = dsp.synth(*(part[0] for part in parts), random)[: 300 * size]
            deep = np.array([random.uniform(*STRETCH), random.uniform(*LOWER)], np.float32)
            low = lower(hid[0][:size], f0[:size] * deep[1], float(deep[0]), number)
            pcm = np.round(np.clip(wav, -1, 1) * 32767).astype(np.int16)
            mels = [mel_spectrogram(sound).astype(np.float16) for sound in (wav, low)]
            yield Frames(hid[0][:size].astype(np.float16), f0[:size], mels[0], pcm, deep, mels[1])
            number, made = number + 1, made + size
            if made >= 80 * seconds:
                return


def write(folder: Path, utterances: list[Frames]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("hid", "f0", "mel", "wav"):
        np.save(folder / f"{name}.npy", np.concatenate([getattr(one, name) for one in utterances]))
    np.save(folder / "deep-mel.npy", np.concatenate([one.deep_mel for one in utterances]))
    np.save(folder / "deep.npy", np.stack([one.deep for one in utterances]))
    np.save(folder / "frames.npy", np.array([len(one.f0) for one in utterances]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--hours", type=float, default=2.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    head = teacher_head(str(Hibari().model_path))
    np.savez(options.work / "head.npz", weight=head.weight, bias=head.bias)
    write(options.work / "hidden", list(said(options.work, 3600 * options.hours)))


if __name__ == "__main__":
    main()
