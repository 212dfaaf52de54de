"""A checkpoint in the published layout, read by the reference's own classes.

Options: `kind`, and `what`:
- names: what the reference would hold, the shape of every tensor as <file>/<name>, without memory for any;
- voice: what its `Conditionals.load` makes of `file`, the bytes of a conds.pt;
- all: the pipeline's `from_local` loads `directory`, strictly. Outputs are its voice, and what it makes of it: T3's
  logits of `text` [1, N] and some steps, and the mel of `tokens` [1, T], with `noise` [1, 80, 2P + 2T].
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from tests.parity.reference import stubs
from tests.parity.reference.serve import draws, serve

stubs.install()

from chatterbox.models.s3gen import s3gen  # noqa: E402
from chatterbox.models.t3 import llama_configs  # noqa: E402
from chatterbox.models.voice_encoder import VoiceEncoder  # noqa: E402
from chatterbox.mtl_tts import ChatterboxMultilingualTTS  # noqa: E402
from chatterbox.tts import ChatterboxTTS  # noqa: E402
from chatterbox.tts_turbo import ChatterboxTurboTTS  # noqa: E402

from tests.parity.reference import t3  # noqa: E402

PIPELINES: dict[str, Any] = {
    "base": ChatterboxTTS,
    "multilingual": ChatterboxMultilingualTTS,
    "turbo": ChatterboxTurboTTS,
    "nano": ChatterboxTurboTTS,
}


def run(options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    kind = options["kind"]
    if options["what"] == "names":
        return names(kind)
    if options["what"] == "voice":
        file = io.BytesIO(tensors["file"].numpy().tobytes())
        return voice(sys.modules[PIPELINES[kind].__module__].Conditionals.load(file))
    return compare(kind, Path(options["directory"]), tensors)


def names(kind: str) -> dict[str, Tensor]:
    with torch.device("meta"):
        networks = {"t3": t3.build(kind, None), "s3gen": s3gen.S3Token2Wav(t3.is_turbo(kind)), "ve": VoiceEncoder()}
    return {
        f"{file}/{name}": torch.tensor(tensor.shape, dtype=torch.int64)
        for file, network in networks.items()
        for name, tensor in network.state_dict().items()
    }


def voice(conditionals: Any) -> dict[str, Tensor]:
    t3_part = {f"t3.{name}": value for name, value in vars(conditionals.t3).items()}
    gen_part = {f"gen.{name}": value for name, value in conditionals.gen.items()}
    return {name: value for name, value in (t3_part | gen_part).items() if isinstance(value, Tensor)}


def load(kind: str, directory: Path) -> Any:
    """The pipeline, by its own loader."""
    if kind == "nano":  # 0.1.7 does not know it: Turbo's loader, the small GPT-2, Turbo's file name
        llama_configs.LLAMA_CONFIGS["GPT2_medium"] = t3.NANO
        with TemporaryDirectory() as place:
            for file in directory.iterdir():
                (Path(place) / file.name.replace("t3_nano_v1", "t3_turbo_v1")).symlink_to(file.absolute())
            return PIPELINES["turbo"].from_local(place, "cpu")
    return PIPELINES[kind].from_local(directory, "cpu")


@torch.inference_mode()
def compare(kind: str, directory: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    pipeline = load(kind, directory)
    made = voice(pipeline.conds)
    options = {"kind": kind, "steps": 5, "guidance": 0.5, "codes": 6561}
    condition = {
        "speaker": made["t3.speaker_emb"],
        "prompt": made["t3.cond_prompt_speech_tokens"],
        "emotion": made["t3.emotion_adv"],
        "text": tensors["text"],
    }
    logits, tokens = t3.generate(pipeline.t3, options, condition)
    mean_flow = t3.is_turbo(kind)
    with draws("randn_like", tensors["noise"]):
        mel, _ = pipeline.s3gen.flow.inference(
            token=tensors["tokens"],
            token_len=torch.tensor([tensors["tokens"].shape[1]]),
            finalize=True,
            n_timesteps=2 if mean_flow else 10,
            meanflow=mean_flow,
            **pipeline.conds.gen,
        )
    return made | {"logits": logits, "greedy": tokens, "mel": mel}


if __name__ == "__main__":
    serve(run)
