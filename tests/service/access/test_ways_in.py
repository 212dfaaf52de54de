"""Each right way in works, for every client; each wrong one is refused in words that say what is wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from tests.e2e.outside import node_modules, scripted_service
from tests.service.access.certificates import Authority
from tests.service.access.ways import Shown, grpcurl, node, openssl, ours

__all__ = ["node_modules"]

Way = Callable[[str, Shown], str]
CALLERS: dict[str, Way] = {"grpcurl": grpcurl, "node": node, "ours": ours}
EXPIRES_S = 2.0
# gRPC closes the connection of a client whose certificate it does not take, and sends no alert that says why.
CLOSED_GRPCURL = "Failed to dial target host .*(deadline exceeded|broken pipe|reset by peer|EOF)"
CLOSED_OPENSSL = "unexpected eof while reading|Connection reset by peer|Broken pipe"
HEARD = re.compile(r"\banna\b")  # one of the voices that every caller asks for


@dataclass(frozen=True)
class Site:
    """Services of one kind each, the files that lie beside them, and what a caller may show."""

    folder: Path
    addresses: dict[str, str]
    token: str
    none: str  # a token that may have no utterance at once
    expires: float  # when the certificate of "expired" is not valid any more

    def file(self, name: str) -> Path:
        return self.folder / name

    @property
    def right(self) -> Shown:
        return Shown(ca=self.file("ca.pem"), token=self.token)

    def as_client(self, name: str) -> Shown:
        return self.right.but(certificate=self.file(f"{name}.pem"), key=self.file(f"{name}.key"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    authority, other = Authority(), Authority("another authority")
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "other.pem").write_bytes(other.pem)
    for signer, name, days in ((authority, "known", 1.0), (other, "foreign", 1.0), (authority, "lapsed", -0.5)):
        signer.issue(name, days=(-1, days)).write(folder, name)
    token = tokens.create(folder / "tokens.toml", Caller(name="a", max_utterances=2))
    none = tokens.create(folder / "tokens.toml", Caller(name="nothing", max_utterances=0))
    with ExitStack() as stack:

        def serve(certificate: tuple[Path, Path] | None, client_ca: Path | None = None) -> str:
            files = AccessConfig(
                tls_cert=certificate and certificate[0],
                tls_key=certificate and certificate[1],
                tls_client_ca=client_ca,
                token_file=folder / "tokens.toml",
            )
            return stack.enter_context(scripted_service(Access.of(files, "127.0.0.1:0")))

        pair = authority.issue().write(folder, "server")
        soon = authority.issue(days=(-1, EXPIRES_S / 86_400)).write(folder, "soon")
        expires = time.monotonic() + EXPIRES_S
        addresses = {
            "plain": serve(None),
            "tls": serve(pair),
            "mutual": serve(pair, folder / "ca.pem"),
            "named": serve(authority.issue(hosts=("tts.example.com",)).write(folder, "named")),
            "expired": serve(soon),
        }
        yield Site(folder, addresses, token, none, expires)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("kind", ["tls", "mutual", "plain"])
def test_each_right_way_works(site: Site, node_modules: Path, caller: str, kind: str) -> None:
    shown = {"tls": site.right, "mutual": site.as_client("known"), "plain": Shown(token=site.token)}[kind]
    assert HEARD.search(CALLERS[caller](site.addresses[kind], shown))


@pytest.mark.parametrize("kind", ["tls", "mutual"])
def test_openssl_finds_the_certificates_right(site: Site, kind: str) -> None:
    said = openssl(site.addresses[kind], site.as_client("known") if kind == "mutual" else site.right)
    assert "Verify return code: 0 (ok)" in said
    assert "ALPN protocol: h2" in said
    assert "alert" not in said


def without_token(site: Site) -> Shown:
    return site.right.but(token=None)


def header(*values: str) -> Callable[[Site], Shown]:
    return lambda site: site.right.but(headers=tuple(f"authorization: {value}" for value in values))


@dataclass(frozen=True)
class Wrong:
    """A way that leads nowhere: which service, what is shown, and what each caller says about it."""

    kind: str
    shown: Callable[[Site], Shown]
    said: dict[str, str]


WRONG = {
    "another authority": Wrong(
        "tls",
        lambda site: site.right.but(ca=site.file("other.pem")),
        {
            "ours": "signed by an authority that is not trusted here: name the right one with --tls-ca",
            "grpcurl": "signed by unknown authority",
            "node": "unable to verify the first certificate",
            "openssl": "unable to get local issuer certificate|unable to verify the first certificate",
        },
    ),
    "another host's certificate": Wrong(
        "named",
        lambda site: site.right,
        {
            "ours": "names another host: dial a name that it names",
            "grpcurl": "cannot validate certificate for 127.0.0.1|certificate is valid for tts.example.com",
            "node": "IP: 127.0.0.1 is not in the cert's list|does not match certificate's altnames",
            "openssl": "hostname mismatch",
        },
    ),
    "an expired certificate": Wrong(
        "expired",
        lambda site: site.right,
        {
            "ours": "the certificate of .* has expired",
            "grpcurl": "certificate has expired",
            "node": "certificate has expired",
            "openssl": "certificate has expired",
        },
    ),
    "plain text to TLS": Wrong(
        "tls",
        lambda site: Shown(token=site.token),
        {"ours": "it may want TLS", "grpcurl": "[Ff]ailed to dial", "node": "UNAVAILABLE: "},
    ),
    "TLS to plain text": Wrong(
        "plain",
        lambda site: site.right,
        {
            "ours": "answers, but does not speak TLS",
            "grpcurl": "first record does not look like a TLS handshake",
            "node": "wrong version number",
            "openssl": "wrong version number",
        },
    ),
    "no client certificate": Wrong(
        "mutual",
        lambda site: site.right,
        {
            "ours": "it may want a client certificate",
            "grpcurl": CLOSED_GRPCURL,
            "node": "UNAVAILABLE: .*[Cc]onnection",
            "openssl": CLOSED_OPENSSL,
        },
    ),
    "a client certificate of another authority": Wrong(
        "mutual",
        lambda site: site.as_client("foreign"),
        {
            "ours": "it may not trust the client's certificate",
            "grpcurl": CLOSED_GRPCURL,
            "openssl": CLOSED_OPENSSL,
        },
    ),
    "an expired client certificate": Wrong(
        "mutual",
        lambda site: site.as_client("lapsed"),
        {"ours": "or that has expired", "grpcurl": CLOSED_GRPCURL, "openssl": CLOSED_OPENSSL},
    ),
    "a client certificate with another's key": Wrong(
        "mutual",
        lambda site: site.right.but(certificate=site.file("known.pem"), key=site.file("foreign.key")),
        {"ours": "certificate and its key do not belong together", "grpcurl": "private key does not match public key"},
    ),
    "no token": Wrong(
        "tls",
        without_token,
        dict.fromkeys(CALLERS, "no token; send the metadata 'authorization: Bearer TOKEN'"),
    ),
    "an unknown token": Wrong(
        "tls",
        lambda site: site.right.but(token="gapless_" + "A" * 43),
        dict.fromkeys(CALLERS, "this server does not know the token; ask whoever runs it for one"),
    ),
    "no token where the client certificate is right": Wrong(
        "mutual", lambda site: site.as_client("known").but(token=None), dict.fromkeys(CALLERS, "no token; send")
    ),
    "another scheme": Wrong("tls", header("Basic YTpi"), {"grpcurl": "'authorization' must be 'Bearer TOKEN'"}),
    "a token without its scheme": Wrong("tls", header("gapless_x"), {"grpcurl": "must be 'Bearer TOKEN'"}),
    "an empty token": Wrong("tls", header("Bearer "), {"grpcurl": "must be 'Bearer TOKEN'"}),
    "two tokens": Wrong("tls", header("Bearer a", "Bearer b"), {"grpcurl": "sent more than once; send it once"}),
}


@pytest.mark.parametrize(("caller", "name"), [(caller, name) for name in WRONG for caller in WRONG[name].said])
def test_each_wrong_way_is_refused_in_its_own_words(site: Site, node_modules: Path, caller: str, name: str) -> None:
    wrong = WRONG[name]
    if wrong.kind == "expired":
        time.sleep(max(0.0, site.expires + 1 - time.monotonic()))
    way = {**CALLERS, "openssl": openssl}[caller]
    said = way(site.addresses[wrong.kind], wrong.shown(site))
    assert re.search(wrong.said[caller], said), said
    assert not HEARD.search(said)


MAY_NOT = {
    "more utterances than allowed": ("SynthesizeText", '{"text": "Hello."}', "0 of 0 utterances of token 'nothing'"),
    "to create a voice": ("CreateVoice", '{"config": {"name": "mary"}}', "may not create voices"),
    "to delete a voice": ("DeleteVoice", '{"name": "anna"}', "may not|part of the model"),
}


@pytest.mark.parametrize("what", MAY_NOT)
def test_what_a_known_token_may_not_is_refused_in_its_own_words(site: Site, what: str) -> None:
    method, message, words = MAY_NOT[what]
    said = grpcurl(site.addresses["tls"], site.right.but(token=site.none), method, message)
    assert re.search(words, said), said


def test_a_token_goes_nowhere_in_plain_text_beyond_this_machine(site: Site) -> None:
    said = ours("192.0.2.1:50051", Shown(token=site.token))  # refused before anything is dialled
    assert "only over TLS: everybody on the way could read it" in said
