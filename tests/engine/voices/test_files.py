"""Voices survive the way to disk and back; what is no voice of this model says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from engine.checkpoints.variants import VARIANTS
from engine.errors import ModelError
from engine.networks.pulse.timbre import Timbre
from engine.voices.conditionals import Conditionals
from engine.voices.files import check_fits, read, read_published, write

TENSORS = ("speaker", "t3_prompt", "prompt_token", "prompt_feat", "embedding")


def voice(name: str = "ana") -> Conditionals:
    generator = torch.Generator().manual_seed(1)
    return Conditionals(
        name=name,
        description="of a test",
        speaker=torch.randn(1, 256, generator=generator),
        t3_prompt=torch.randint(6561, (1, 150), generator=generator),
        prompt_token=torch.randint(6561, (1, 20), generator=generator),
        prompt_feat=torch.randn(1, 40, 80, generator=generator),
        embedding=torch.randn(1, 192, generator=generator),
    )


def conds(**gen: Any) -> dict[str, Any]:
    """As the reference stores a voice."""
    given = voice()
    return {
        "t3": {
            "speaker_emb": given.speaker,
            "clap_emb": None,
            "cond_prompt_speech_tokens": given.t3_prompt,
            "cond_prompt_speech_emb": None,
            "emotion_adv": torch.full((1, 1, 1), 0.5),
        },
        "gen": {
            "prompt_token": given.prompt_token.float(),  # Quirk: the reference may have cast it
            "prompt_token_len": torch.tensor([20]),
            "prompt_feat": given.prompt_feat,
            "prompt_feat_len": None,
            "embedding": given.embedding,
            **gen,
        },
    }


def saved(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


def assert_same(one: Conditionals, other: Conditionals) -> None:
    assert all(torch.equal(getattr(one, field), getattr(other, field)) for field in TENSORS)


def test_a_voice_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    write(voice(), tmp_path / "ana.safetensors", "chatterbox")
    back = read(tmp_path / "ana.safetensors", "chatterbox")
    assert (back.name, back.description) == ("ana", "of a test")
    assert_same(back, voice())


def test_nothing_but_the_voice_is_left_behind(tmp_path: Path) -> None:
    write(voice(), tmp_path / "ana.safetensors", "chatterbox")
    write(voice(), tmp_path / "ana.safetensors", "chatterbox")
    assert [path.name for path in tmp_path.iterdir()] == ["ana.safetensors"]


def test_a_timbre_comes_back_too(tmp_path: Path) -> None:
    write(replace(voice(), timbre=Timbre(pitch=0.6, formants=0.87)), tmp_path / "ana.safetensors", "embedded")
    assert read(tmp_path / "ana.safetensors", "embedded").timbre == Timbre(pitch=0.6, formants=0.87)


@pytest.mark.parametrize("timbre", ["{", '{"pitch": 0}', '{"age": 3}'])
def test_what_is_no_timbre_is_refused(tmp_path: Path, timbre: str) -> None:
    path = tmp_path / "ana.safetensors"
    write(voice(), path, "embedded")
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = {**file.metadata(), "timbre": timbre}
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match="its timbre"):
        read(path, "embedded")


def test_a_vocoder_that_knows_no_timbre_says_so() -> None:
    config = VARIANTS["base"].config
    with pytest.raises(ModelError, match="a timbre of its own"):
        check_fits(replace(voice(), timbre=Timbre(pitch=0.6)), config, Path("ana"))


def test_a_voice_for_other_models_is_refused(tmp_path: Path) -> None:
    write(voice(), tmp_path / "ana.safetensors", "chatterbox-turbo")
    with pytest.raises(ModelError, match=r"ana\.safetensors is a voice for 'chatterbox-turbo' models; .*'chatterbox'"):
        read(tmp_path / "ana.safetensors", "chatterbox")


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ana.safetensors"
    save_file({"t3.speaker_emb": torch.zeros(1, 4)}, path, {"version": "9", "family": "chatterbox"})
    with pytest.raises(ModelError, match=r"version '9' of a voice file; this release reads '1'"):
        read(path, "chatterbox")


def test_a_voice_without_its_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ana.safetensors"
    save_file({"t3.speaker_emb": torch.zeros(1, 4)}, path, {"version": "1", "family": "chatterbox"})
    with pytest.raises(ModelError, match=r"missing tensors \['t3\.cond_prompt_speech_tokens'"):
        read(path, "chatterbox")


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE"])
def test_what_is_no_voice_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ana.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"ana\.safetensors cannot be read"):
        read(path, "chatterbox")


def test_the_voice_of_a_published_checkpoint_is_read(tmp_path: Path) -> None:
    back = read_published(saved(conds(), tmp_path / "conds.pt"), "default")
    assert back.name == "default"
    assert_same(back, voice())
    assert back.prompt_token.dtype is torch.int64


@pytest.mark.parametrize(("tokens", "frames"), [(20, 41), (21, 40)])
def test_a_frame_or_a_token_too_many_is_left_out(tmp_path: Path, tokens: int, frames: int) -> None:
    """The reference cuts a recording at 10 s wherever that falls; the flow wants two frames a token."""
    content = conds(prompt_token=torch.zeros(1, tokens), prompt_feat=torch.zeros(1, frames, 80))
    back = read_published(saved(content, tmp_path / "conds.pt"), "default")
    assert (back.prompt_token.shape[1], back.prompt_feat.shape[1]) == (20, 40)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"t3": {}}, "lacks the parts 't3' and 'gen'"),
        ([1, 2], "lacks the parts"),
        (conds(embedding=None), r"missing tensors \['gen\.embedding'\]"),
        (conds(embedding=torch.zeros(192)), r"gen\.embedding is \[192\]"),
        (conds(embedding=torch.full((1, 192), torch.nan)), "values that are no numbers"),
    ],
)
def test_a_broken_published_voice_says_how(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        read_published(saved(content, tmp_path / "conds.pt"), "default")


def test_a_published_voice_that_runs_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"conds\.pt cannot be read"):
        read_published(saved({"t3": print, "gen": {}}, tmp_path / "conds.pt"), "default")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"speaker": torch.zeros(1, 16)}, "16 numbers of the speaker; this model takes 256"),
        ({"embedding": torch.zeros(1, 80)}, "80 numbers of the x-vector; this model takes 192"),
        ({"t3_prompt": torch.zeros(1, 375, dtype=torch.int64)}, "375 tokens of prompt for T3, which takes 150 at most"),
        ({"prompt_token": torch.full((1, 20), 6561)}, "speech tokens from 6561 to 6561; there are 6561"),
    ],
)
def test_a_voice_of_the_wrong_sizes_does_not_fit(changes: dict[str, Any], said: str) -> None:
    config = VARIANTS["base"].config
    check_fits(voice(), config, Path("ana"))
    with pytest.raises(ModelError, match=said):
        check_fits(replace(voice(), **changes), config, Path("ana"))
