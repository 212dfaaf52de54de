"""The token file: what it may say, and that it never says a token."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from service.access import token_command, tokens
from service.access.caller import Caller
from service.access.errors import AccessError

DIGEST = "0" * 64


def test_a_new_token_is_known_and_stands_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tokens.toml"
    wanted = Caller(name="agents", max_utterances=2, may_create_voices=True, max_voice_bytes=3 << 20)
    token = tokens.create(path, wanted)
    assert tokens.load(path).caller(token) == wanted
    assert token not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(token) >= len(tokens.PREFIX) + 43  # 256 bits in base64


def test_tokens_differ_and_both_stay_known(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    first, second = (tokens.create(path, Caller(name=name, is_admin=name == "b")) for name in ("a", "b"))
    known = tokens.load(path)
    found = [known.caller(token) for token in (first, second)]
    assert [caller and (caller.name, caller.is_admin) for caller in found] == [("a", False), ("b", True)]


@pytest.mark.parametrize("token", ["", "gapless_", "\udcff", "gapless_" + "A" * 43, "x" * 100_000])
def test_other_texts_are_nobody(tmp_path: Path, token: str) -> None:
    path = tmp_path / "tokens.toml"
    tokens.create(path, Caller(name="a"))
    assert tokens.load(path).caller(token) is None


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    tokens.create(path, Caller(name="a"))
    with pytest.raises(AccessError, match="has a token 'a' already"):
        tokens.create(path, Caller(name="a"))


@pytest.mark.parametrize("name", ["", "with space", "-dash", 'quo"te', "x" * 65])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AccessError, match="is no name for a token"):
        tokens.create(tmp_path / "tokens.toml", Caller(name=name))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[token]", "is not TOML"),
        ("tokens = 3", "only tables"),
        ("token = 3", "only tables"),
        (f"[[token]]\nsha256 = '{DIGEST}'", "name is None"),
        ("[[token]]\nname = 'a'", "sha256 must be 64"),
        (f"[[token]]\nname = 'a'\nsha256 = '{DIGEST[1:]}G'", "sha256 must be 64"),
        (f"[[token]]\nname = 'a'\nsha256 = '{DIGEST}'\nutterance = 2", "unknown key 'utterance'"),
        (f"[[token]]\nname = 'a'\nsha256 = '{DIGEST}'\nutterances = -1", "wanted: a whole number from 0"),
        (f"[[token]]\nname = 'a'\nsha256 = '{DIGEST}'\nutterances = true", "wanted: a whole number from 0"),
        (f"[[token]]\nname = 'a'\nsha256 = '{DIGEST}'\nadmin = 'yes'", "wanted: true or false"),
        (f"[[token]]\nname = 'a'\nsha256 = '{DIGEST}'\n" * 2, "stands twice"),
    ],
)
def test_what_the_file_may_not_say(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    with pytest.raises(AccessError, match=said) as caught:
        tokens.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=r"tokens\.toml cannot be read: No such file"):
        tokens.load(tmp_path / "tokens.toml")


def test_an_empty_file_knows_nobody(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text("")
    assert tokens.load(path).caller("gapless_x") is None


def test_the_command_prints_the_token_alone(tmp_path: Path) -> None:
    path, out, notes = tmp_path / "tokens.toml", io.StringIO(), io.StringIO()
    token_command.run(path, Caller(name="a"), out, notes)
    (token,) = out.getvalue().splitlines()
    known = tokens.load(path).caller(token)
    assert known is not None
    assert known.name == "a"
    assert token not in notes.getvalue()
