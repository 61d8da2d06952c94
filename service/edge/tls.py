"""Certificates: the operator's own, or a self-signed one made on first use."""

import datetime as dt
import ipaddress
import logging
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from index.base.errors import ConfigError
from index.base.settings import Settings

log = logging.getLogger(__name__)

VALID_DAYS = 397  # browsers accept no more
RENEW_DAYS = 30


def own_pair(settings: Settings) -> tuple[Path, Path] | None:
    """The operator's own certificate and key; None if neither is set.

    Raises:
        ConfigError: one of the two is set without the other.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("set both tls_certificate and tls_key, or neither")
    return certificate, key


def self_signed(folder: Path, host: str) -> tuple[Path, Path]:
    """The certificate and key in *folder*; made again if missing, expiring or for other names.

    Args:
        host: an address or name that callers may use besides localhost, 127.0.0.1 and ::1.
    """
    if present := present_pair(folder, host):
        return present
    certificate, key = _places(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write_private(key, pem)
    made = _make_certificate(private, _names(host))
    _write_private(certificate, made.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def present_pair(folder: Path, host: str) -> tuple[Path, Path] | None:
    """The self-signed certificate and key in *folder* that are still good for *host*, or None."""
    certificate, key = _places(folder)
    is_good = certificate.is_file() and key.is_file() and _still_good(certificate, _names(host))
    return (certificate, key) if is_good else None


def _places(folder: Path) -> tuple[Path, Path]:
    return folder / "tls.crt", folder / "tls.key"


def _names(host: str) -> list[x509.GeneralName]:
    loopback = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), *loopback]
    try:
        given: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        given = x509.DNSName(host)
    return names if given in names else [*names, given]


def _still_good(path: Path, names: list[x509.GeneralName]) -> bool:
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        known = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=RENEW_DAYS)
    return found.not_valid_after_utc > soon and list(known) == names


def _make_certificate(
    private: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName]
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "person-count")])
    now = dt.datetime.now(dt.UTC)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .sign(private, hashes.SHA256())
    )


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read; it appears complete, in one step."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)  # a crash may have left one
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    partial.replace(path)


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """The TLS settings of the server.

    Raises:
        ConfigError: the files are missing, do not fit together, or the key has a pass phrase.
    """

    def refuse() -> str:  # OpenSSL would ask for it on a terminal, and wait
        raise ConfigError(
            f"key {key} has a pass phrase; store it without one, readable by its owner only"
        )

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, refuse)
    except ssl.SSLError as error:
        raise ConfigError(
            f"certificate {certificate} with key {key}: they are no PEM files that belong together "
            f"({error.reason})"
        ) from error
    except OSError as error:
        raise ConfigError(f"certificate {certificate} with key {key}: {error.strerror}") from error
    return context


def warn_of_end(certificate: Path) -> None:
    """Log the days left until the first certificate in the file expires, if they are few."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    left = found.not_valid_after_utc - dt.datetime.now(dt.UTC)
    if left < dt.timedelta(days=RENEW_DAYS):
        log.warning("tls.certificate_ends days=%d; callers refuse it from then on", left.days)


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate in the file, as browsers and openssl print it."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return found.fingerprint(hashes.SHA256()).hex(":").upper()
