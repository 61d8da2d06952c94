"""The certificate that is made on first use, one's own, and what is spoken over them."""

import hashlib
import os
import socket
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from index.base.errors import ConfigError
from service.edge import tls
from service.edge.tls import fingerprint, self_signed, server_context
from tests.service.running import NOT_THERE, Service


def names_in(certificate: Path) -> list[str]:
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def belong_together(certificate: Path, key: Path) -> bool:
    public = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    return bool(public == private.public_key())


def test_only_the_owner_may_read_the_key_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        certificate, key = self_signed(tmp_path / "data", "127.0.0.1")
    finally:
        os.umask(before)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert belong_together(certificate, key)


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    self_signed(tmp_path, "127.0.0.1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tls.crt", "tls.key"]


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    before = certificate.read_bytes(), key.read_bytes()
    assert self_signed(tmp_path, "127.0.0.1") == (certificate, key)
    assert (certificate.read_bytes(), key.read_bytes()) == before


@pytest.mark.parametrize(
    ("host", "more"),
    [
        ("127.0.0.1", []),
        ("localhost", []),
        ("::1", []),
        ("0.0.0.0", ["0.0.0.0"]),
        ("192.0.2.7", ["192.0.2.7"]),
        ("2001:db8::1", ["2001:db8::1"]),
        ("photos.example", ["photos.example"]),
    ],
)
def test_it_is_for_the_loopback_names_and_the_host(
    tmp_path: Path, host: str, more: list[str]
) -> None:
    certificate, _ = self_signed(tmp_path, host)
    assert names_in(certificate) == ["localhost", "127.0.0.1", "::1", *more]


def test_it_is_made_anew_when_the_host_changes(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    before = certificate.read_bytes(), key.read_bytes()
    self_signed(tmp_path, "photos.example")
    assert certificate.read_bytes() != before[0]
    assert "photos.example" in names_in(certificate)
    assert belong_together(certificate, key)
    self_signed(tmp_path, "127.0.0.1")
    assert "photos.example" not in names_in(certificate)


@pytest.mark.parametrize(("days", "kept"), [(29, False), (31, True), (-1, False)])
def test_it_is_made_anew_in_its_last_month(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, kept: bool
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tls, "VALID_DAYS", max(0, days))
        certificate, key = self_signed(tmp_path, "127.0.0.1")
    before = certificate.read_bytes()
    self_signed(tmp_path, "127.0.0.1")
    assert (certificate.read_bytes() == before) is kept
    assert belong_together(certificate, key)


@pytest.mark.parametrize("damage", ["key missing", "certificate missing", "certificate garbage"])
def test_it_is_made_anew_when_half_of_it_is_lost(tmp_path: Path, damage: str) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    if damage == "key missing":
        key.unlink()
    elif damage == "certificate missing":
        certificate.unlink()
    else:
        certificate.write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    self_signed(tmp_path, "127.0.0.1")
    assert belong_together(certificate, key)
    server_context(certificate, key)


def test_what_a_crash_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    # in a container the next process has the same number as the one that died
    for name in ("tls.key", "tls.crt"):
        (tmp_path / f".{name}.{os.getpid()}").write_text("half")
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    assert belong_together(certificate, key)


def test_browsers_and_python_accept_its_lifetime_and_use(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path, "127.0.0.1")
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    lifetime = found.not_valid_after_utc - found.not_valid_before_utc
    assert lifetime.days <= 398
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert x509.oid.ExtendedKeyUsageOID.SERVER_AUTH in usage


def test_the_fingerprint_is_the_one_that_clients_see(service: Service) -> None:
    printed = fingerprint(service.certificate)
    with service.open_socket() as bare:
        assert isinstance(bare, ssl.SSLSocket)
        seen = bare.getpeercert(binary_form=True)
    assert seen is not None
    digest = hashlib.sha256(seen).hexdigest().upper()
    assert printed == ":".join(digest[i : i + 2] for i in range(0, 64, 2))
    der = ssl.PEM_cert_to_DER_cert(service.certificate.read_text())
    assert hashlib.sha256(der).hexdigest().upper() == printed.replace(":", "")


def test_a_certificate_with_another_key_is_refused(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path / "one", "127.0.0.1")
    _, key = self_signed(tmp_path / "two", "127.0.0.1")
    with pytest.raises(ConfigError, match=r"tls\.crt.*tls\.key"):
        server_context(certificate, key)


@pytest.mark.parametrize("what", ["certificate", "key"])
@pytest.mark.parametrize("damage", ["missing", "garbage", "empty", "a folder"])
def test_files_that_are_no_certificate_or_key_are_refused(
    tmp_path: Path, what: str, damage: str
) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    broken = certificate if what == "certificate" else key
    broken.unlink()
    if damage == "garbage":
        broken.write_text("this is neither")
    elif damage == "empty":
        broken.touch()
    elif damage == "a folder":
        broken.mkdir()
    with pytest.raises(ConfigError, match=r"tls\."):
        server_context(certificate, key)


def test_ones_own_certificate_and_key_are_used(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service()
    own = self_signed(tmp_path / "own", "photos.example")
    assert server_context(*own).minimum_version is ssl.TLSVersion.TLSv1_2
    assert fingerprint(own[0]) != fingerprint(service.certificate)


def test_a_client_that_does_not_know_the_certificate_refuses_it(service: Service) -> None:
    service.client_context = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        service.ask("a.png")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_certificate_accepts_its_names(
    service: Service, name: str
) -> None:
    context = ssl.create_default_context(cafile=str(service.certificate))
    with (
        socket.create_connection(("127.0.0.1", service.thread.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as bare,
    ):
        assert bare.version() == "TLSv1.3"


def test_a_client_that_trusts_the_certificate_refuses_it_for_another_name(
    service: Service,
) -> None:
    context = ssl.create_default_context(cafile=str(service.certificate))
    with socket.create_connection(("127.0.0.1", service.thread.port), timeout=10) as plain:
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname="photos.example")
        plain.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(service: Service, version: ssl.TLSVersion) -> None:
    assert service.client_context is not None
    service.client_context.minimum_version = version
    service.client_context.maximum_version = version
    assert service.ask("a.png").body == NOT_THERE


def client_hello(version: bytes) -> bytes:
    """A hello that offers nothing newer than *version*, with suites that our key could serve."""
    suites = bytes.fromhex("c009c00ac013c014002f0035")
    extensions = bytes.fromhex("000a000400020017" + "000b00020100")
    body = version + bytes(range(32)) + b"\x00"
    body += len(suites).to_bytes(2, "big") + suites + b"\x01\x00"
    body += len(extensions).to_bytes(2, "big") + extensions
    hello = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello


@pytest.mark.parametrize("version", [b"\x03\x00", b"\x03\x01", b"\x03\x02"], ids=repr)
def test_older_versions_are_refused_by_the_server(service: Service, version: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.thread.port), timeout=10) as bare:
        bare.sendall(client_hello(version))
        alert = bare.recv(7)
    assert alert[:1] == b"\x15"  # an alert
    assert alert[5:] in {b"\x02\x46", b"\x02\x28"}  # fatal: protocol version, handshake failure


def test_a_key_with_a_pass_phrase_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ConfigError, match="has a pass phrase"):
        server_context(certificate, key)


@pytest.mark.parametrize(("days", "warned"), [(0, True), (29, True), (60, False)])
def test_a_certificate_that_ends_soon_or_has_ended_is_said_at_the_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    days: int,
    warned: bool,
) -> None:
    monkeypatch.setattr(tls, "VALID_DAYS", days)
    certificate, _ = self_signed(tmp_path, "127.0.0.1")
    tls.warn_of_end(certificate)
    assert ("tls.certificate_ends" in caplog.text) == warned
