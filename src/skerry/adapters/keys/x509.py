"""Certificates: the manager's authority, requests, and what it signs. Never imported by a running agent.

Rules: every certificate holds from 1970 to 9999 (N3: a board without a clock wakes up in 1970, with nobody to ask);
belonging is the roster's business, so nothing here revokes. A request carries a key and nothing else that is believed:
names, kind and addresses are the signer's decision. Common name and UID are as in `tls.py`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from skerry.adapters.keys import ed25519
from skerry.adapters.keys.files import write_public
from skerry.adapters.keys.tls import Identity, TlsFiles, identity

NOT_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""RFC 5280's own way of saying: no known end."""

REQUEST_LIMIT_BYTES = 16 * 1024
NAME_LIMIT = 64
HOST_LIMIT = 253
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")


class CertificateError(Exception):
    """A request or a certificate cannot be used; says what was expected."""


class Authority:
    """Who signs for one or more sites: a key that stays at the manager, and its self-signed certificate."""

    def __init__(self, seed: bytes, certificate_pem: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._certificate = _load(certificate_pem)
        if _raw(self._certificate.public_key()) != ed25519.public_key(seed):
            raise CertificateError("the authority's certificate is not of its key; restore both from one backup")

    @property
    def certificate_pem(self) -> bytes:
        """What everybody who shall believe this authority needs."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue(self, request_pem: bytes, to: Identity, hosts: Iterable[str] = ()) -> bytes:
        """Sign the key in a request over to `to`. `hosts`: further names and addresses beside the loopback ones.

        Raises `CertificateError` if the request is malformed, too large, not signed by its own key or not Ed25519.
        """
        key = requested_key(request_pem)
        builder = (
            _holding(_name(to.common_name, to.name), self._certificate.subject, Ed25519PublicKey.from_public_bytes(key))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(_alternatives(hosts)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        return builder.sign(self._key, None).public_bytes(Encoding.PEM)


def create_authority(name: str) -> tuple[bytes, Authority]:
    """A new authority called `name`, and its seed, to be kept by `ed25519.save_key`."""
    seed = ed25519.generate()
    key = Ed25519PrivateKey.from_private_bytes(seed)
    subject = _name(f"{name} certificates", name)
    builder = (
        _holding(subject, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return seed, Authority(seed, builder.sign(key, None).public_bytes(Encoding.PEM))


def create_request(seed: bytes) -> bytes:
    """A request (PEM) that proves to have `seed` and says nothing else."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(Ed25519PrivateKey.from_private_bytes(seed), None).public_bytes(Encoding.PEM)


def requested_key(request_pem: bytes) -> bytes:
    """The 32-byte public key that a request asks a certificate for. Raises `CertificateError`."""
    if len(request_pem) > REQUEST_LIMIT_BYTES:
        raise CertificateError(f"the request has {len(request_pem)} bytes; expected at most {REQUEST_LIMIT_BYTES}")
    try:
        request = x509.load_pem_x509_csr(request_pem)
        key = request.public_key()
        valid = request.is_signature_valid
    except Exception as error:  # the library raises many kinds on malformed input, all of which mean the same here
        raise CertificateError("expected a certificate request in PEM form") from error
    if not isinstance(key, Ed25519PublicKey):
        raise CertificateError("expected a request for an Ed25519 key")
    if not valid:
        raise CertificateError("the request is not signed by the key that it names")
    return _raw(key)


def identity_in(certificate_pem: bytes) -> tuple[Identity, bytes]:
    """Whom a certificate names, and its 32-byte public key. Raises `CertificateError`."""
    certificate = _load(certificate_pem)
    fields = {part.oid: str(part.value) for part in certificate.subject}
    named = identity(fields.get(NameOID.COMMON_NAME, ""), fields.get(NameOID.USER_ID, ""))
    if named is None:
        raise CertificateError("expected a certificate with a common name and a user id as Skerry issues them")
    return named, _raw(certificate.public_key())


def save(files: TlsFiles, *, authority_pem: bytes, certificate_pem: bytes, seed: bytes) -> None:
    """Write an identity's three files, the key first and for the owner alone. Raises `OSError`."""
    ed25519.save_key(files.key, seed)
    write_public(files.certificate, certificate_pem)
    write_public(files.authority, authority_pem)


def load_authority(key: Path, certificate: Path) -> Authority:
    """Read what `create_authority` made. Raises `KeyFileError`, `CertificateError` or `OSError`."""
    return Authority(ed25519.load_key(key), certificate.read_bytes())


def _holding(subject: x509.Name, issuer: x509.Name, key: Ed25519PublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
    )


def _name(common_name: str, user_id: str) -> x509.Name:
    for text in (common_name, user_id):
        if not 1 <= len(text) <= NAME_LIMIT or not text.isprintable():
            raise CertificateError(f"{text[:80]!r}: expected a name of 1 to {NAME_LIMIT} printable characters")
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, common_name), x509.NameAttribute(NameOID.USER_ID, user_id)]
    )


def _alternatives(hosts: Iterable[str]) -> list[x509.GeneralName]:
    return [_alternative(host) for host in dict.fromkeys((*LOOPBACK, *hosts))]


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError as error:
        if len(host) > HOST_LIMIT or _HOST.fullmatch(host) is None:
            raise CertificateError(f"{host[:80]!r}: expected an IP address or a host name in ASCII") from error
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _load(certificate_pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate_pem)
    except ValueError as error:
        raise CertificateError("expected a certificate in PEM form") from error


def _raw(key: object) -> bytes:
    if not isinstance(key, Ed25519PublicKey):
        raise CertificateError("expected an Ed25519 key")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
