"""A directory is what it holds; what it lacks is said."""

import json
from pathlib import Path

import pytest

from engine.checkpoints.layout import find
from engine.checkpoints.variants import RECOGNISED, VARIANTS
from engine.errors import InvalidConfig, ModelError


def files(directory: Path, *names: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).touch()
    return directory


def complete(directory: Path, name: str) -> Path:
    variant = VARIANTS[name]
    first = [names[0] for names in variant.roles.values()]
    return files(directory, *(each.replace("*", "pt_br") for each in first))


@pytest.mark.parametrize("name", [variant.name for variant in RECOGNISED])
def test_a_variant_is_recognised_by_its_t3_file(tmp_path: Path, name: str) -> None:
    layout = find([complete(tmp_path, name)])
    assert layout.variant.name == name
    assert layout.config == VARIANTS[name].config or layout.config.text.languages[0] == "pt"


def test_either_format_of_a_file_will_do(tmp_path: Path) -> None:
    directory = complete(tmp_path, "base")
    (directory / "s3gen.safetensors").rename(directory / "s3gen.pt")
    (directory / "ve.safetensors").rename(directory / "ve.pt")
    layout = find([directory])
    assert (layout.s3gen.name, layout.ve.name) == ("s3gen.pt", "ve.pt")


def test_an_incomplete_directory_says_what_is_missing_and_what_is_there(tmp_path: Path) -> None:
    directory = complete(tmp_path, "turbo")
    (directory / "s3gen_meanflow.safetensors").rename(directory / "s3gen.safetensors.incomplete")
    (directory / "merges.txt").unlink()
    with pytest.raises(ModelError) as error:
        find([directory])
    said = str(error.value)
    assert "is 'turbo' and lacks S3Gen (s3gen_meanflow.safetensors or s3gen_meanflow.pt); text file merges.txt" in said
    assert "Found: added_tokens.json, conds.pt, s3gen.safetensors.incomplete, t3_turbo_v1.safetensors" in said
    assert "Downloads that broke off: s3gen.safetensors.incomplete." in said


def test_a_directory_without_t3_says_what_it_nearly_is(tmp_path: Path) -> None:
    directory = complete(tmp_path, "nano")
    (directory / "t3_nano_v1.safetensors").unlink()
    with pytest.raises(ModelError, match=r"nor one of t3_cfg\.safetensors .*All else is there for turbo or nano\."):
        find([directory])


def test_an_empty_directory_says_what_a_model_would_hold(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"t3_cfg\.safetensors \(base\).*Found: nothing\."):
        find([tmp_path])


def test_several_variants_in_one_directory_ask_for_a_choice(tmp_path: Path) -> None:
    directory = complete(complete(tmp_path, "base"), "multilingual")
    with pytest.raises(
        ModelError, match=r"several variants: base \(t3_cfg\S+\); multilingual \(.*Choose one with --variant"
    ):
        find([directory])
    assert find([directory], "multilingual").t3.name == "t3_mtl23ls_v2.safetensors"


def test_two_language_packs_in_one_directory_are_refused(tmp_path: Path) -> None:
    directory = files(complete(tmp_path, "multilingual-pack"), "t3_es_es.safetensors")
    with pytest.raises(ModelError, match=r"several T3 files: t3_es_es\.safetensors, t3_pt_br\.safetensors"):
        find([directory])


def test_a_variant_that_is_not_there_lacks_its_t3(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is 'nano' and lacks T3 \(t3_nano_v1\.safetensors\)"):
        find([complete(tmp_path, "turbo")], "nano")


def test_an_unknown_variant_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="unknown variant 'tiny'; possible: base, multilingual"):
        find([tmp_path], "tiny")


def test_what_a_language_pack_lacks_comes_from_another_directory(tmp_path: Path) -> None:
    pack = files(tmp_path / "pack", "t3_hi.safetensors", "s3gen_v3.pt", "grapheme_mtl_merged_expanded_v1.json")
    lender = files(tmp_path / "lender", "ve.pt", "conds.pt")
    with pytest.raises(ModelError, match="lacks voice encoder"):
        find([pack])
    layout = find([pack, lender])
    assert (layout.ve.parent, layout.voice.parent, layout.t3.parent) == (lender, lender, pack)
    assert layout.config.text.languages[0] == "hi"


def test_a_directory_may_change_its_configuration(tmp_path: Path) -> None:
    directory = complete(tmp_path, "nano")
    changes = {"flow": {"steps": 1}, "text": {"max_chars": 200}, "encoders": {"cloning": {"min_s": 2.0}}}
    (directory / "gapless.json").write_text(json.dumps(changes))
    layout = find([directory])
    assert (layout.config.flow.steps, layout.config.text.max_chars, layout.encoders.cloning.min_s) == (1, 200, 2.0)
    assert layout.config.flow.encoder == VARIANTS["nano"].config.flow.encoder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, r"unknown keys \['colour'\]"),
        ({"flow": {"stepz": 1}}, r"gapless\.json\.flow: unknown keys \['stepz'\]"),
        ({"flow": {"steps": "two"}}, r"flow\.steps: 'two' is not an int"),
        ({"flow": {"form": "magic"}}, "form = 'magic'"),
        ({"encoders": 5}, r"encoders: 5 is not a mapping"),
        ({"encoders": {"cloning": {"min": 1}}}, r"encoders\.cloning: unknown keys \['min'\]"),
    ],
)
def test_wrong_changes_are_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    directory = complete(tmp_path, "nano")
    (directory / "gapless.json").write_text(json.dumps(changes))
    with pytest.raises(InvalidConfig, match=said):
        find([directory])
