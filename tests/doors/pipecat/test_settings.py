"""What pipecat's settings hold, by the source: pipecat itself is not installed here."""

from __future__ import annotations

import ast
from pathlib import Path

from gapless.client import Options

SETTINGS = Path(__file__).parents[3] / "doors" / "pipecat" / "settings.py"
OF_THE_TURN = {"encoding", "want_alignment"}  # decided by `Turn`
OF_THE_PIPELINE = {"sample_rate", "max_lead"}  # pipecat has a rate of its own, and hears in real time
OF_PIPECAT = {"voice", "language"}  # fields of its own settings


def test_every_option_of_an_utterance_is_a_setting_or_is_decided_elsewhere() -> None:
    tree = ast.parse(SETTINGS.read_text(encoding="utf-8"))
    assigned = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    options = set(ast.literal_eval(assigned["_OPTIONS"]))
    assert options == set(Options.__annotations__) - OF_THE_TURN - OF_THE_PIPELINE
    cls = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    fields = {
        node.target.id for node in cls.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert fields == options - OF_PIPECAT
    described = ast.get_docstring(cls) or ""
    assert all(f"{name}:" in described for name in fields)
