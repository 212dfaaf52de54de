"""The embedded voice's directory around its weights: config.json from training/configs, and one file per voice.

    python -m training.assemble --work out/training

The networks' own exports write t3.safetensors, flow.safetensors and hift.safetensors beside it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from engine.checkpoints.config import build
from engine.model import EMBEDDED, ModelConfig
from engine.voices.conditionals import VERSION
from training.dataset import Dataset
from training.t3_batches import speaker_vectors

CONFIGS = Path(__file__).parent / "configs"

DESCRIPTIONS = {
    "karl": "English, low; taught by espeak-ng's en-us",
    "anna": "English, high; taught by espeak-ng's en-us+f1",
}


def configuration() -> dict[str, Any]:
    """config.json: the networks' configurations as trained, the rest from training/configs/model.json."""
    mapping = _read("model")
    for network in ("t3", "flow", "hift"):
        mapping[network] = _read(network)
    build(ModelConfig, mapping, "training/configs")
    return mapping


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def write_voice(dataset: Dataset, index: int, name: str, mapping: dict[str, Any], path: Path) -> None:
    prompt = dataset.prompt(name)
    speakers = {key: mapping[key]["speaker_width"] for key in ("t3", "flow")}
    vectors = {key: speaker_vectors(len(dataset.voices), width) for key, width in speakers.items()}
    tensors = {
        "t3.speaker_emb": vectors["t3"][index : index + 1].contiguous(),
        "t3.cond_prompt_speech_tokens": torch.zeros(1, 0, dtype=torch.int16),
        "gen.prompt_token": torch.from_numpy(dataset.tokens(prompt).astype(np.int16))[None],
        "gen.prompt_feat": torch.from_numpy(dataset.mel(prompt).astype(np.float16))[None],
        "gen.embedding": vectors["flow"][index : index + 1].contiguous(),
    }
    save_file(tensors, path, {"version": VERSION, "family": mapping["family"], "description": DESCRIPTIONS[name]})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--out", type=Path, default=EMBEDDED)
    arguments = parser.parse_args()
    dataset, mapping = Dataset(arguments.work / "dataset"), configuration()
    (arguments.out / "voices").mkdir(parents=True, exist_ok=True)
    (arguments.out / "config.json").write_text(json.dumps(mapping, indent=1) + "\n", encoding="utf-8")
    for index, name in enumerate(dataset.voices):
        write_voice(dataset, index, name, mapping, arguments.out / "voices" / f"{name}.safetensors")
    print(f"wrote {arguments.out}/config.json and voices {', '.join(dataset.voices)}")


if __name__ == "__main__":
    main()
