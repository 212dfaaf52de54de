"""Certificate files: which are refused, and in which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gapless.doors.listening import certificates
from gapless.doors.listening.certificates import TlsFiles
from gapless.doors.listening.errors import ListeningError
from gapless.doors.listening.reloading import Reloading
from tests.service.access.certificates import Authority


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def files(folder: Path, authority: Authority, days: tuple[float, float] = (-1, 1)) -> TlsFiles:
    certificate, key = authority.issue(days=days).write(folder, "server")
    return TlsFiles(certificate=certificate, key=key)


def test_a_pair_that_belongs_together_loads(tmp_path: Path, authority: Authority) -> None:
    given = files(tmp_path, authority)
    loaded = certificates.load(given)
    assert loaded.chain == given.certificate.read_bytes()
    assert loaded.client_ca is None


@pytest.mark.parametrize(
    ("days", "said"), [((-2, -1), r"server\.pem expired at \d{4}-"), ((1, 2), r"server\.pem is not valid before")]
)
def test_dates_hold(tmp_path: Path, authority: Authority, days: tuple[float, float], said: str) -> None:
    with pytest.raises(ListeningError, match=said):
        certificates.load(files(tmp_path, authority, days))


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, authority: Authority) -> None:
    given = files(tmp_path, authority)
    given.key.write_bytes(authority.issue().key)
    with pytest.raises(ListeningError, match=r"server\.key is not the key of .*server\.pem"):
        certificates.load(given)


@pytest.mark.parametrize(
    ("name", "said"), [("server.pem", "holds no certificate in PEM form"), ("server.key", "holds no private key")]
)
def test_what_is_no_pem_is_named(tmp_path: Path, authority: Authority, name: str, said: str) -> None:
    given = files(tmp_path, authority)
    (tmp_path / name).write_text("not PEM")
    with pytest.raises(ListeningError, match=f"{name} {said}"):
        certificates.load(given)


def test_a_missing_file_is_named(tmp_path: Path, authority: Authority) -> None:
    given = files(tmp_path, authority)
    given.key.unlink()
    with pytest.raises(ListeningError, match=r"server\.key cannot be read: No such file"):
        certificates.load(given)


def test_wrong_files_leave_the_right_ones_in_use(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """A certificate is replaced before its key is: for a moment the two do not match."""
    given = files(tmp_path, authority)
    watched: Reloading[certificates.Certificates] = certificates.watched(given)
    first, renewed = watched.value, authority.issue()
    given.certificate.write_bytes(renewed.certificate)
    watched.refresh()
    watched.refresh()
    assert watched.value is first
    assert [record.getMessage() for record in caplog.records if "is not the key of" in record.getMessage()] != []
    assert len(caplog.records) == 1  # said once, not at every look
    given.key.write_bytes(renewed.key)
    os.utime(given.key, ns=(1, 1))
    watched.refresh()
    assert watched.value.key == renewed.key
