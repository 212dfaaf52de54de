"""Published checkpoints from the Hugging Face hub: the files a variant needs, at a pinned revision, in the hub's cache.

The library shows progress, resumes what broke off, and obeys HF_HUB_OFFLINE, HF_HOME and HF_TOKEN by itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.checkpoints.variants import VARIANTS, Variant
from engine.errors import ModelError

log = logging.getLogger(__name__)

_ID = re.compile(r"(?P<repo>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w./-]+))?")

Fetch = Callable[[str, str, list[str]], str]  # repository, revision, names -> the directory that holds them


@dataclass(frozen=True)
class Source:
    variant: Variant
    repo: str
    revision: str


def parse(where: str, name: str | None = None) -> Source | None:
    """`turbo`, `ResembleAI/chatterbox-turbo`, either with `@revision`; None for anything else.

    `name` says which variant is meant, the first one of the repository by default. Raises ModelError."""
    match = _ID.fullmatch(where)
    if match is None:
        return None
    repo = match["repo"]
    if repo in VARIANTS and VARIANTS[repo].hub:
        repo, name = VARIANTS[repo].hub, name or repo
    elif "/" not in repo:
        return None
    known = [variant for variant in VARIANTS.values() if variant.hub.lower() == repo.lower()]
    if name is None and not known:
        named = ", ".join(variant.name for variant in VARIANTS.values() if variant.hub)
        raise ModelError(
            f"{where} is no directory here and no published checkpoint ({named}). If it is another repository on the "
            "hub, say with --variant which of these it holds"
        )
    variant = known[0] if name is None else VARIANTS[name]
    return Source(variant, repo, match["revision"] or (variant.revision if variant in known else "main"))


def download(source: Source, fetch: Fetch | None = None) -> list[Path]:
    """The directories that together hold the variant. Raises ModelError."""
    fetch = fetch or _snapshot
    variant = source.variant
    # A repository may hold a file in two formats; one of them is enough where it is known which there is.
    count = 1 if source.repo == variant.hub else None
    names = [*variant.t3, *variant.s3gen[:count], *variant.ve[:count], variant.voice, *variant.text, *variant.optional]
    directories = [_fetched(fetch, source.repo, source.revision, [*names, "gapless.json"])]
    if variant.borrowed_from:
        lender = VARIANTS[variant.borrowed_from]
        lent = [lender.ve[0], lender.voice, *lender.optional]
        directories.append(_fetched(fetch, lender.hub, lender.revision, lent))
    return directories


def _fetched(fetch: Fetch, repo: str, revision: str, names: Sequence[str]) -> Path:
    log.info("%s at revision %s: from the hub, or its cache on this machine", repo, revision)
    return Path(fetch(repo, revision, list(names)))


def _snapshot(repo: str, revision: str, names: list[str]) -> str:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ModelError("checkpoints from the hub need a package: pip install huggingface_hub") from error
    return translated(repo, revision, lambda: str(snapshot_download(repo, revision=revision, allow_patterns=names)))


def translated(repo: str, revision: str, act: Callable[[], str]) -> str:
    """Whatever the library raises as a ModelError that says what to do."""
    from huggingface_hub import errors

    try:
        return act()
    except errors.GatedRepoError as error:
        raise ModelError(f"{repo} wants you to accept its terms on its page, and a token in HF_TOKEN") from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{repo} has no revision {revision!r}") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(f"no repository {repo} on the hub, or it is private and HF_TOKEN is not set") from error
    except errors.LocalEntryNotFoundError as error:
        raise ModelError(
            f"{repo} at {revision} is not in the cache of this machine, and the hub was not asked (HF_HUB_OFFLINE) or "
            "did not answer; connect once, or give a directory"
        ) from error
    except (errors.HTTPError, OSError) as error:  # type: ignore[attr-defined]  # of whichever HTTP library it uses
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{repo} could not be downloaded: {reason}. Start again: what has arrived is kept") from error
