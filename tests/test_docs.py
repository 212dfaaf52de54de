"""What README and docs name exists: files, headings, modules, make targets, and flags of the commands."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from engine.networks.hift.hift import HiFT, HiFTConfig
from engine.networks.pulse.pulse import PulseConfig, PulseVocoder

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("benchmarks/**/*.md"),
        *ROOT.glob("doors/**/*.md"),
        ROOT / "training/README.md",
        ROOT / "engine/assets/embedded/MODEL_CARD.md",
    ]
)
LINK = re.compile(r"(?:\]\(|(?:src|srcset)=\")([^)\s\"]+)")
MODULE = re.compile(r"python3? -m ([\w.]+)")
COMMAND = re.compile(r"python3? -m ((?:benchmarks|training|service|client)[\w.]*)([^`\n#|]*)")
FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
TARGET = re.compile(r"(?:^\$ |`)make ([a-z-]+)", re.MULTILINE)
OWN = ("benchmarks", "training", "service", "client", "engine")


def found(pattern: re.Pattern[str], source: Path | None = None) -> Iterator[tuple[str, str]]:
    for page in [source] if source else PAGES:
        for match in pattern.finditer(page.read_text(encoding="utf-8")):
            yield str(page.relative_to(ROOT)), match.group(1)


@cache
def anchors(page: Path) -> frozenset[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@cache
def code_of(module: str) -> str:
    """The source of a module; of a package, of all its modules."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin)
    files = path.parent.rglob("*.py") if path.name == "__init__.py" else [path]
    return "".join(file.read_text(encoding="utf-8") for file in files)


def exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def is_flag(flag: str, code: str) -> bool:
    """Given to a parser by its name, or made of the name of a configuration's field."""
    field = flag.removeprefix("--").replace("-", "_")
    return flag == "--help" or f'"{flag}"' in code or re.search(rf"^    {field}: ", code, re.MULTILINE) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_exists(page: Path) -> None:
    broken = []
    for _, link in found(LINK, page):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_modules_that_are_run_exist() -> None:
    named = [(page, module) for page, module in found(MODULE) if module.split(".")[0] in OWN]
    assert named
    assert [(page, module) for page, module in named if not exists(module)] == []


def test_flags_of_commands_exist() -> None:
    """A flag of a command stands in the source of the module that is run, or of what it imports."""
    missing = []
    for page in PAGES:
        for module, rest in COMMAND.findall(page.read_text(encoding="utf-8")):
            if not exists(module):
                continue
            known = code_of(module) + code_of("benchmarks.support") + code_of("training")
            missing += [(page.name, module, flag) for flag in FLAG.findall(rest) if not is_flag(flag, known)]
    assert missing == []


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = list(found(TARGET))
    assert named
    assert [(page, target) for page, target in named if target not in targets] == []


def test_every_page_is_in_the_index() -> None:
    linked = {link for _, link in found(LINK, ROOT / "docs/README.md")}
    assert {page.name for page in ROOT.glob("docs/*.md")} - {"README.md"} == linked


def test_every_picture_is_shown() -> None:
    shown = {Path(link).name for _, link in found(LINK)}
    assert {picture.name for picture in (ROOT / "docs/images").iterdir()} - shown == set()


def test_what_the_vocoders_hold_back_is_what_pages_say() -> None:
    """It was still that of the embedded voice's vocoder before this one."""
    embedded, published = PulseVocoder(PulseConfig()), HiFT(HiFTConfig())
    ms = [round(one.hold_back_samples / 24) for one in (embedded, published)]
    page = (ROOT / "docs/continuous-playback.md").read_text(encoding="utf-8")
    assert f"| the vocoder holds back | {ms[0]} ms, until the segment ends | {ms[1]} ms |" in page
    assert f"| and are | {480 - ms[0]} ms of sound | {480 - ms[1]} ms of sound |" in page
    assert f"holds back {ms[0]} ms" in (ROOT / "engine/assets/embedded/MODEL_CARD.md").read_text(encoding="utf-8")
