"""What import contracts cannot see: who makes channels, by the syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path

CLIENT = Path(__file__).parents[2] / "client"
CHANNELS = {"insecure_channel", "secure_channel"}


def channels_made(source: str) -> list[str]:
    """Names of the calls in `source` that make a gRPC channel, and of the imports that could."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in CHANNELS:
            names.append(node.attr)
        elif isinstance(node, ast.ImportFrom):
            names += [alias.name for alias in node.names if alias.name in CHANNELS]
    return names


def test_only_the_transport_makes_channels() -> None:
    makers = {path.relative_to(CLIENT).parts[0] for path in CLIENT.rglob("*.py") if channels_made(path.read_text())}
    assert makers == {"_transport"}


def test_a_channel_made_elsewhere_would_be_found() -> None:
    assert channels_made("import grpc\nchannel = grpc.aio.insecure_channel('host:1')") == ["insecure_channel"]
    assert channels_made("from grpc import secure_channel") == ["secure_channel"]
