"""Stands in for what the reference imports but cannot have here: called before its first import.

`torchaudio` itself is real (its Python part computes resampling and filter banks); only its compiled extension is not.
Everything else is a name that is imported and never used on the way from text or a recording to audio.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any


class _Unavailable:
    """An attribute of a stubbed module: harmless to import, an error to use."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise ImportError(f"{self.name} is a stub")


class _Stub(ModuleType):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)  # others ask for it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unavailable(f"{self.__name__}.{name}")


def _resource_filename(package: str, path: str) -> str:
    """pkg_resources left setuptools; the watermark finds its weights through it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / path)


def install() -> None:
    for name in ("onnx", "spacy_pkuseg", "pykakasi", "gradio", "pkg_resources"):
        sys.modules.setdefault(name, _Stub(name))
    sys.modules["pkg_resources"].__dict__.setdefault("resource_filename", _resource_filename)
    extension = _Stub("torchaudio._extension")
    extension.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=lambda function: function
    )
    sys.modules["torchaudio._extension"] = extension
