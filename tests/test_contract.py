"""The contract that later changes are checked against is replaced on purpose only: CHANGELOG.md names it."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_changelog_names_the_baseline_of_the_contract() -> None:
    digest = hashlib.sha256((ROOT / "proto" / "baseline.binpb").read_bytes()).hexdigest()[:16]
    assert f"Contract baseline {digest}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), (
        "proto/baseline.binpb was replaced: say in CHANGELOG.md what breaks for whom, "
        f"with the words 'Contract baseline {digest}'"
    )
