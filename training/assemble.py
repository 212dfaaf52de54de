"""The embedded voice's directory around its weights: config.json from training/configs, and one file per voice.

    python -m training.assemble --work out/training

The networks' own exports write t3.safetensors, flow.safetensors and vocoder.safetensors beside it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from engine.checkpoints.config import build
from engine.model import EMBEDDED, ModelConfig
from engine.networks.pulse.timbre import NATURAL, Timbre
from engine.voices import files
from engine.voices.conditionals import Conditionals
from training.dataset import Dataset
from training.t3_batches import speaker_vectors

CONFIGS = Path(__file__).parent / "configs"

TEACHER = "anna"  # whose prompt and speaker vector all voices have
DESCRIPTIONS = {
    "anna": "English, high; taught by hibari-tts",
    "karl": "English, low; anna's speech with a lower pitch and longer resonances",
}
TIMBRES = {"anna": NATURAL, "karl": Timbre(pitch=0.58, formants=0.8, tilt=4.0, phase=0.5)}


def configuration() -> dict[str, Any]:
    """config.json: the networks' configurations as trained, the rest from training/configs/model.json."""
    mapping = _read("model")
    for network in ("t3", "flow", "pulse"):
        mapping[network] = _read(network)
    build(ModelConfig, mapping, "training/configs")
    return mapping


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def voice(dataset: Dataset, name: str, mapping: dict[str, Any]) -> Conditionals:
    prompt, place = dataset.prompt(TEACHER), dataset.voices.index(TEACHER)
    speakers = {key: mapping[key]["speaker_width"] for key in ("t3", "flow")}
    own = {key: speaker_vectors(len(dataset.voices), width)[place : place + 1] for key, width in speakers.items()}
    return Conditionals(
        name=name,
        description=DESCRIPTIONS[name],
        speaker=own["t3"].contiguous(),
        t3_prompt=torch.zeros(1, 0, dtype=torch.int64),
        prompt_token=torch.from_numpy(dataset.tokens(prompt))[None],
        prompt_feat=torch.from_numpy(dataset.mel(prompt))[None],
        embedding=own["flow"].contiguous(),
        timbre=TIMBRES[name],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--out", type=Path, default=EMBEDDED)
    arguments = parser.parse_args()
    dataset, mapping = Dataset(arguments.work / "dataset"), configuration()
    (arguments.out / "voices").mkdir(parents=True, exist_ok=True)
    (arguments.out / "config.json").write_text(json.dumps(mapping, indent=1) + "\n", encoding="utf-8")
    for name in DESCRIPTIONS:
        files.write(voice(dataset, name, mapping), arguments.out / "voices" / f"{name}.safetensors", mapping["family"])
    print(f"wrote {arguments.out}/config.json and voices {', '.join(DESCRIPTIONS)}")


if __name__ == "__main__":
    main()
