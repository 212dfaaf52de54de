"""What import contracts cannot see: names in strings that belong to one room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
KINDS = ("cuda", "mps", "cpu")


def nodes(package: str, room: str) -> Iterator[tuple[str, ast.expr]]:
    """All expressions of a package outside one of its rooms, and where each stands."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if not path.is_relative_to(ROOT / package / room):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.expr):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def asks_for_the_kind_of_a_device(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.partition(":")[0] in KINDS
    if isinstance(node, ast.Attribute):
        is_type = node.attr == "type" and ast.unparse(node.value).endswith("device")
        return is_type or ast.unparse(node).startswith("torch.cuda")
    return False


def test_only_the_room_of_devices_knows_their_kinds() -> None:
    assert [place for place, node in nodes("engine", "device") if asks_for_the_kind_of_a_device(node)] == []
