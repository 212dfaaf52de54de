"""Certificates and tokens are replaced again and again under load: no call is lost, the next one uses the new files.

`make replacements` replaces them a hundred times; here some times of each kind. Every other time the files that come
first cannot be used, and the old ones stay until the right ones are there.
"""

from __future__ import annotations

import itertools
import os
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from tests.e2e.outside import scripted_service
from tests.service.access.certificates import Authority, Signed

REPLACEMENTS = int(os.environ.get("GAPLESS_REPLACEMENTS", "5"))
NOTICED_S = 5.0  # files are looked at every second
CALLERS = 3
PAUSE_S = 0.02  # between two calls of a caller


@dataclass
class Files:
    """What the service reads; each write is in one piece, as a renewal tool does it."""

    folder: Path
    authority: Authority = field(default_factory=Authority)

    @property
    def config(self) -> AccessConfig:
        return AccessConfig(
            tls_cert=self.folder / "server.pem", tls_key=self.folder / "server.key", token_file=self.folder / "tokens"
        )

    def put(self, name: str, content: bytes) -> None:
        (self.folder / "new").write_bytes(content)
        os.replace(self.folder / "new", self.folder / name)

    def put_pair(self, signed: Signed) -> None:
        self.put("server.pem", signed.certificate)
        self.put("server.key", signed.key)


@dataclass
class Load:
    """Callers that speak all the time, every other call over a new connection. `lost` tells of calls that failed."""

    address: str
    credentials: grpc.ChannelCredentials
    token: str
    over: threading.Event = field(default_factory=threading.Event)
    spoken: int = 0
    lost: list[str] = field(default_factory=list)

    def run(self) -> None:
        with self._channel() as kept:
            while not self.over.is_set():
                try:
                    self._speak(kept)
                    with self._channel() as fresh:
                        self._speak(fresh)
                except grpc.RpcError as error:
                    self.lost.append(f"{error.code().name}: {error.details()}")
                self.spoken += 2
                self.over.wait(PAUSE_S)

    def _channel(self) -> grpc.Channel:
        return grpc.secure_channel(self.address, self.credentials, [("grpc.use_local_subchannel_pool", 1)])

    def _speak(self, channel: grpc.Channel) -> None:
        request = pb.SynthesizeTextRequest(text="Hello there.")
        stub, metadata = tts_pb2_grpc.TextToSpeechServiceStub(channel), [("authorization", f"Bearer {self.token}")]
        *_, last = stub.SynthesizeText(request, metadata=metadata, timeout=10)
        assert last.finished.usage.samples > 0


def presented(address: str) -> int:
    """The serial number of the certificate that the next connection sees."""
    host, _, port = address.rpartition(":")
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((host, int(port))).encode()).serial_number


def serial(signed: Signed) -> int:
    return x509.load_pem_x509_certificate(signed.certificate).serial_number


def is_known(address: str, credentials: grpc.ChannelCredentials, token: str) -> bool:
    with grpc.secure_channel(address, credentials) as channel:
        stub = tts_pb2_grpc.TextToSpeechServiceStub(channel)
        try:
            stub.GetServerInfo(pb.GetServerInfoRequest(), metadata=[("authorization", f"Bearer {token}")], timeout=10)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            return False
    return True


def eventually(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + NOTICED_S
    while not happened():
        assert time.monotonic() < end, f"not within {NOTICED_S:g} s"
        time.sleep(0.05)


UNUSABLE: dict[str, Callable[[Files], None]] = {  # what the log says -> what is put there
    "expired at": lambda files: files.put_pair(files.authority.issue(days=(-2, -1))),
    "is not the key of": lambda files: files.put("server.pem", files.authority.issue().certificate),
    "holds no certificate in PEM form": lambda files: files.put("server.pem", b"nonsense"),
    "holds no private key in PEM form": lambda files: files.put("server.key", b"nonsense"),
    "server.key cannot be read": lambda files: (files.folder / "server.key").unlink(),
    "is not TOML": lambda files: files.put("tokens", b"[[token]"),
    "unknown key": lambda files: files.put("tokens", b"[[token]]\nname = 'a'\nquota = 3\n"),
    "tokens cannot be read": lambda files: (files.folder / "tokens").unlink(),
}


@pytest.mark.timeout(900)
def test_files_are_replaced_under_load(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = Files(tmp_path)
    files.put_pair(current := files.authority.issue())
    steady = tokens.create(tmp_path / "tokens", Caller(name="steady"))
    begin = (tmp_path / "tokens").read_bytes()
    credentials = grpc.ssl_channel_credentials(files.authority.pem)
    unusable = itertools.cycle(UNUSABLE.items())
    with scripted_service(Access.of(files.config, "127.0.0.1:0")) as address:
        loads = [Load(address, credentials, steady) for _ in range(CALLERS)]
        threads = [threading.Thread(target=load.run) for load in loads]
        for thread in threads:
            thread.start()
        last = ""
        try:
            for number in range(REPLACEMENTS):
                if number % 2:
                    said, put = next(unusable)
                    caplog.clear()
                    put(files)
                    eventually(lambda said=said: said in caplog.text)  # type: ignore[misc]
                    assert "the old one stays" in caplog.text
                    assert presented(address) == serial(current)
                    assert is_known(address, credentials, last)
                files.put("tokens", begin)
                token = tokens.create(tmp_path / "tokens", Caller(name=f"number-{number}"))
                files.put_pair(current := files.authority.issue())
                eventually(lambda: presented(address) == serial(current))
                eventually(lambda token=token: is_known(address, credentials, token))  # type: ignore[misc]
                assert not (last and is_known(address, credentials, last))  # its entry is gone
                last = token
        finally:
            for load in loads:
                load.over.set()
            for thread in threads:
                thread.join()
    spoken = sum(load.spoken for load in loads)
    print(f"{REPLACEMENTS} replacements, {spoken} calls")  # noqa: T201
    assert [said for load in loads for said in load.lost] == []
    assert spoken > REPLACEMENTS
