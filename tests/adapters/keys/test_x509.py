"""Certificates that OpenSSL and rustls accept, from 1970 to 9999, and requests that are not believed."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from skerry.adapters.keys import ed25519, tls, x509
from skerry.adapters.keys.tls import Identity, Kind, TlsFiles
from skerry.adapters.keys.x509 import Authority, CertificateError

NODE = Identity(kind=Kind.NODE, site="alpha", name="n1")
EVERYBODY = [
    NODE,
    Identity(kind=Kind.OPERATOR, site="alpha", name="olga"),
    Identity(kind=Kind.CLIENT, site="alpha", name="app-7"),
    Identity(kind=Kind.OPERATOR, site="", name="olga"),
    Identity(kind=Kind.MANAGER, site="", name="home"),
]


def enrol(folder: Path, authority: Authority, to: Identity, *hosts: str) -> TlsFiles:
    folder.mkdir(exist_ok=True)
    seed = ed25519.generate()
    signed = authority.issue(x509.create_request(seed), to, hosts)
    files = TlsFiles.within(folder)
    x509.save(files, authority_pem=authority.certificate_pem, certificate_pem=signed, seed=seed)
    return files


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[Identity | None, Identity | None]:
    """Connect the two over real sockets; whom the server saw, and whom the client saw."""
    near, far = socket.socketpair()
    near.settimeout(10)
    far.settimeout(10)
    seen: list[Identity | None] = []

    def serve() -> None:
        try:
            with server.wrap_socket(far, server_side=True) as accepted:
                accepted.sendall(b"!")
                seen.append(tls.peer_identity(accepted.getpeercert()))
        except (ssl.SSLError, OSError):
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(near) as connected:
            # In TLS 1.3 a refused client certificate shows at the first read.
            if connected.recv(1) != b"!":
                raise ssl.SSLError("the server hung up")
            met = tls.peer_identity(connected.getpeercert())
    finally:
        near.close()
        thread.join()
    return seen[0], met


@pytest.mark.parametrize("who", EVERYBODY, ids=lambda who: f"{who.site}-{who.kind}")
def test_both_ends_of_a_handshake_learn_who_the_other_is(tmp_path: Path, who: Identity) -> None:
    _, authority = x509.create_authority("home")
    server = enrol(tmp_path / "server", authority, NODE)
    client = enrol(tmp_path / "client", authority, who)
    assert shake_hands(tls.server_context(server), tls.client_context(client)) == (who, NODE)


def test_another_authoritys_certificate_is_refused_by_both_ends(tmp_path: Path) -> None:
    own = enrol(tmp_path / "own", x509.create_authority("home")[1], NODE)
    foreign = enrol(tmp_path / "foreign", x509.create_authority("home")[1], NODE)
    with pytest.raises(ssl.SSLError):
        shake_hands(tls.server_context(own), tls.client_context(foreign))
    with pytest.raises(ssl.SSLError):
        shake_hands(tls.server_context(foreign), tls.client_context(own))


def test_a_client_without_a_certificate_is_refused(tmp_path: Path) -> None:
    files = enrol(tmp_path / "own", x509.create_authority("home")[1], NODE)
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname = False
    bare.load_verify_locations(files.authority)
    with pytest.raises(ssl.SSLError):
        shake_hands(tls.server_context(files), bare)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the program openssl (Debian: openssl)")
@pytest.mark.parametrize("year", [1970, 2026, 2100, 9999])
def test_certificates_hold_from_1970_to_9999(tmp_path: Path, year: int) -> None:
    files = enrol(tmp_path / "n1", x509.create_authority("home")[1], NODE)
    moment = int(datetime(year, 6, 1, tzinfo=UTC).timestamp())
    command = ["openssl", "verify", "-x509_strict", "-attime", str(moment), "-purpose", "sslserver"]
    ran = subprocess.run(
        [*command, "-CAfile", str(files.authority), str(files.certificate)],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, f"{files.certificate}: OK"), ran.stderr


def test_a_certificate_names_its_hosts_and_the_loopback(tmp_path: Path) -> None:
    files = enrol(tmp_path / "n1", x509.create_authority("home")[1], NODE, "192.0.2.7", "n1.example", "2001:db8::1")
    certificate = library.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(library.SubjectAlternativeName).value
    assert set(names.get_values_for_type(library.DNSName)) == {"localhost", "n1.example"}
    addresses = {str(address) for address in names.get_values_for_type(library.IPAddress)}
    assert addresses == {"127.0.0.1", "::1", "192.0.2.7", "2001:db8::1"}


def test_the_key_of_the_certificate_is_the_key_that_signs(tmp_path: Path) -> None:
    files = enrol(tmp_path / "n1", x509.create_authority("home")[1], NODE)
    named, key = x509.identity_in(files.certificate.read_bytes())
    assert (named, key) == (NODE, ed25519.NodeSigner(ed25519.load_key(files.key)).public_key)


def test_an_authority_survives_being_put_away(tmp_path: Path) -> None:
    seed, authority = x509.create_authority("home")
    ed25519.save_key(tmp_path / "ca-key.pem", seed)
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    again = x509.load_authority(tmp_path / "ca-key.pem", tmp_path / "ca.pem")
    old, new = enrol(tmp_path / "n1", authority, NODE), enrol(tmp_path / "n2", again, NODE)
    assert shake_hands(tls.server_context(old), tls.client_context(new)) == (NODE, NODE)
    with pytest.raises(CertificateError, match="not of its key"):
        Authority(ed25519.generate(), authority.certificate_pem)


def request_of_another_kind() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = library.CertificateSigningRequestBuilder().subject_name(library.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def request_signed_by_another_key() -> bytes:
    raw = bytearray(library.load_pem_x509_csr(x509.create_request(ed25519.generate())).public_bytes(Encoding.DER))
    raw[-1] ^= 1
    return ssl.DER_cert_to_PEM_cert(bytes(raw)).replace("CERTIFICATE", "CERTIFICATE REQUEST").encode()


@pytest.mark.parametrize(
    ("request_pem", "expected"),
    [
        (b"", "expected a certificate request in PEM form"),
        (b"x" * 20_000, "expected at most 16384"),
        (request_of_another_kind(), "expected a request for an Ed25519 key"),
        (request_signed_by_another_key(), "not signed by the key that it names"),
    ],
    ids=["empty", "too large", "another kind of key", "another's key"],
)
def test_a_request_that_proves_nothing_is_refused(request_pem: bytes, expected: str) -> None:
    with pytest.raises(CertificateError, match=expected):
        x509.create_authority("home")[1].issue(request_pem, NODE)


@pytest.mark.parametrize("host", ["", "h\u00f6st", "n1\n", "n1..example", "-n1", "n" * 300, "*.example"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(CertificateError, match="expected an IP address or a host name"):
        x509.create_authority("home")[1].issue(x509.create_request(ed25519.generate()), NODE, [host])


@pytest.mark.parametrize("name", ["", "n" * 65, "n\n1"])
def test_a_name_that_no_certificate_can_bear_is_refused(name: str) -> None:
    authority = x509.create_authority("home")[1]
    for to in (
        Identity(kind=Kind.NODE, site="alpha", name=name),
        Identity(kind=Kind.NODE, site=name, name="n1"),
    ):
        with pytest.raises(CertificateError, match="expected a name of 1 to 64 printable characters"):
            authority.issue(x509.create_request(ed25519.generate()), to)


@pytest.mark.parametrize(
    ("common_name", "name"),
    [("", "n1"), ("alpha", ""), ("alpha/manager", "m"), ("/node", "n1"), ("alpha/node", "n1"), ("a/b/operator", "x")],
)
def test_a_name_that_is_not_of_our_form_is_nobody(common_name: str, name: str) -> None:
    assert tls.identity(common_name, name) is None
