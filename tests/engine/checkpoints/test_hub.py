"""What is asked of the hub, and what its refusals become. Nothing here touches a network."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.checkpoints import hub
from engine.checkpoints.variants import VARIANTS
from engine.errors import ModelError


class FakeHub:
    """Writes down what it is asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: dict[str, tuple[str, list[str]]] = {}

    def __call__(self, repo: str, revision: str, names: list[str]) -> str:
        self.asked[repo] = (revision, names)
        return str(self.directory / repo)


def source(where: str, name: str | None = None) -> hub.Source:
    found = hub.parse(where, name)
    assert found is not None
    return found


@pytest.mark.parametrize("where", ["turbo", "ResembleAI/chatterbox-turbo", "resembleai/chatterbox-turbo"])
def test_short_names_and_ids_mean_a_pinned_revision(where: str) -> None:
    assert source(where).variant.name == "turbo"
    assert source(where).revision == VARIANTS["turbo"].revision
    assert len(source(where).revision) == 40


@pytest.mark.parametrize("where", ["nano@v2", "ResembleAI/chatterbox-nano@v2"])
def test_a_revision_can_be_chosen(where: str) -> None:
    assert (source(where).repo, source(where).revision) == ("ResembleAI/chatterbox-nano", "v2")


def test_a_repository_of_several_variants_means_the_first_unless_one_is_named() -> None:
    assert source("ResembleAI/chatterbox").variant.name == "base"
    assert source("ResembleAI/chatterbox", "multilingual-v3").variant.name == "multilingual-v3"
    assert source("multilingual").variant.name == "multilingual"


def test_a_strangers_repository_needs_a_variant() -> None:
    with pytest.raises(ModelError, match=r"someone/else is no directory here .* say with --variant"):
        hub.parse("someone/else")
    assert source("someone/else", "turbo") == hub.Source(VARIANTS["turbo"], "someone/else", "main")


@pytest.mark.parametrize("where", ["/no/such/path", "nosuchname", "a b/c", "", "multilingual-pack"])
def test_other_words_are_no_ids(where: str) -> None:
    assert hub.parse(where) is None


def test_only_the_files_of_the_variant_are_fetched(tmp_path: Path) -> None:
    fake = FakeHub(tmp_path)
    assert hub.download(source("base"), fake) == [tmp_path / "ResembleAI/chatterbox"]
    _, names = fake.asked["ResembleAI/chatterbox"]
    wanted = ["t3_cfg.safetensors", "s3gen.safetensors", "ve.safetensors", "conds.pt", "tokenizer.json", "gapless.json"]
    assert names == wanted


def test_the_multilingual_files_are_those_of_its_variant(tmp_path: Path) -> None:
    fake = FakeHub(tmp_path)
    hub.download(source("multilingual-v3"), fake)
    _, names = fake.asked["ResembleAI/chatterbox"]
    assert {"t3_mtl23ls_v3.safetensors", "s3gen.pt", "ve.pt", "Cangjie5_TC.json"} <= set(names)
    assert not {"t3_mtl23ls_v2.safetensors", "t3_cfg.safetensors", "s3gen.safetensors"} & set(names)


def test_a_language_pack_borrows_what_it_lacks(tmp_path: Path) -> None:
    fake = FakeHub(tmp_path)
    pack = "ResembleAI/Chatterbox-Multilingual-hi"
    assert hub.download(source(pack), fake) == [tmp_path / pack, tmp_path / "ResembleAI/chatterbox"]
    assert fake.asked[pack][0] == "main"
    assert fake.asked["ResembleAI/chatterbox"] == (
        VARIANTS["multilingual"].revision,
        ["ve.pt", "conds.pt", "Cangjie5_TC.json"],
    )


def test_a_strangers_repository_may_use_either_format(tmp_path: Path) -> None:
    fake = FakeHub(tmp_path)
    hub.download(source("someone/else", "base"), fake)
    assert {"s3gen.safetensors", "s3gen.pt", "ve.safetensors", "ve.pt"} <= set(fake.asked["someone/else"][1])


def test_offline_and_not_in_the_cache_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real library, which in offline mode asks its cache alone."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"not in the cache of this machine.*HF_HUB_OFFLINE.*or give a directory"):
        hub.download(source("nano"))


def refusals() -> list[tuple[Exception, str]]:
    errors: Any = pytest.importorskip("huggingface_hub.errors")
    response = SimpleNamespace(headers={}, request=None)
    return [
        (errors.GatedRepoError("no", response=response), "accept its terms"),
        (errors.RepositoryNotFoundError("no", response=response), "no repository a/b on the hub"),
        (errors.RevisionNotFoundError("no", response=response), "has no revision 'main'"),
        (errors.LocalEntryNotFoundError("no"), "did not answer"),
        (
            errors.HfHubHTTPError("503 busy\nmore", response=response),
            r"could not be downloaded: 503 busy\. Start again",
        ),
        (OSError(28, "No space left on device"), "No space left on device"),
        (errors.HTTPError("unreachable"), "unreachable"),
    ]


@pytest.mark.parametrize("index", range(7))
def test_refusals_of_the_hub_are_errors_of_the_model(index: int) -> None:
    error, said = refusals()[index]

    def refuse() -> str:
        raise error

    with pytest.raises(ModelError, match=said):
        hub.translated("a/b", "main", refuse)
