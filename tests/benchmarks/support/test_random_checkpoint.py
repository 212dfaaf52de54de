"""Random checkpoints: the same again with the same seed, and text files of the published sizes."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from benchmarks.support.random_checkpoint import Values, write
from engine.checkpoints.variants import VARIANTS


def test_a_tensor_depends_on_seed_and_name_alone() -> None:
    first, second = Values(1), Values(1)
    second("something.else", (7,))
    assert torch.equal(first("a.weight", (3, 4)), second("a.weight", (3, 4)))
    assert not torch.equal(first("a.weight", (3, 4)), first("b.weight", (3, 4)))
    assert not torch.equal(first("a.weight", (3, 4)), Values(2)("a.weight", (3, 4)))


@pytest.mark.parametrize("name", ["turbo", "multilingual"])
def test_files_are_those_of_the_published_directory(tmp_path: Path, name: str) -> None:
    variant = VARIANTS[name]
    write(variant, tmp_path, "tiny")
    wanted = {alternatives[0] for alternatives in variant.roles.values()} | set(variant.optional) | {"gapless.json"}
    assert {path.name for path in tmp_path.iterdir()} == wanted


def test_a_magnitude_is_not_the_length_of_its_direction(tmp_path: Path) -> None:
    """Or a loader that ignores magnitudes would go unnoticed."""
    write(VARIANTS["nano"], tmp_path, "tiny")
    tensors = load_file(tmp_path / "s3gen_meanflow.safetensors")
    pair = [tensors[f"mel2wav.conv_pre.parametrizations.weight.original{index}"] for index in (0, 1)]
    assert not torch.allclose(pair[0].flatten(), pair[1].flatten(1).norm(dim=1), rtol=0.1)


def test_vocabularies_have_the_published_sizes(tmp_path: Path) -> None:
    for name, file, size in (
        ("base", "tokenizer.json", 704),
        ("multilingual", "grapheme_mtl_merged_expanded_v1.json", 2454),
    ):
        write(VARIANTS[name], tmp_path / name, "tiny")
        tokenizer = Tokenizer.from_file(str(tmp_path / name / file))
        assert tokenizer.get_vocab_size() == size
        assert (tokenizer.token_to_id("[START]"), tokenizer.token_to_id("[STOP]")) == (255, 0)
    write(VARIANTS["nano"], tmp_path / "nano", "tiny")
    entries, tags = (json.loads((tmp_path / "nano" / name).read_text()) for name in ("vocab.json", "added_tokens.json"))
    assert (len(entries), entries["<|endoftext|>"]) == (50257, 50256)
    assert sorted(tags.values()) == list(range(50257, 50276))
