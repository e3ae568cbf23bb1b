"""Look-ups over mutual TLS, with certificates as the site's own authority makes them."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.adapters.keys import ed25519, x509
from skerry.adapters.keys.tls import Identity, Kind, TlsFiles
from skerry.examples.programs.finding import Finder, Service, tls_context

OFFERED = [
    {"instance": "intake#1", "node": "n1", "endpoint": "127.0.0.1:1", "fence": None},
    {"instance": "intake#2", "node": "n2", "endpoint": "127.0.0.1:2", "fence": None},
]


class Lookup(http.server.BaseHTTPRequestHandler):
    offered = OFFERED

    def do_GET(self) -> None:
        body = json.dumps({"endpoints": self.offered}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


class Node(http.server.ThreadingHTTPServer):
    """Callers that are turned away are no news."""

    def handle_error(self, *_: object) -> None:
        pass


def identity(folder: Path, authority: x509.Authority, kind: Kind, name: str) -> TlsFiles:
    folder.mkdir()
    files = TlsFiles.within(folder)
    seed = ed25519.generate()
    certificate = authority.issue(x509.create_request(seed), Identity(kind=kind, site="shop", name=name))
    x509.save(files, authority_pem=authority.certificate_pem, certificate_pem=certificate, seed=seed)
    return files


@pytest.fixture
def authority() -> x509.Authority:
    return x509.create_authority("shop")[1]


@pytest.fixture
def node(tmp_path: Path, authority: x509.Authority) -> Iterator[str]:
    files = identity(tmp_path / "node", authority, Kind.NODE, "n1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(files.authority)
    context.load_cert_chain(files.certificate, files.key)
    with Node(("127.0.0.1", 0), Lookup) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def finder(node: str, files: TlsFiles) -> Finder:
    return Finder([node], "object-store.v1", tls_context(files.certificate, files.key, files.authority))


def test_a_client_of_the_site_finds_the_best_and_then_another(
    node: str, tmp_path: Path, authority: x509.Authority
) -> None:
    one = finder(node, identity(tmp_path / "client", authority, Kind.CLIENT, "till"))
    assert one.find() == Service("intake#1", "n1", "127.0.0.1:1")
    one.avoid("127.0.0.1:1")
    assert one.find() == Service("intake#2", "n2", "127.0.0.1:2")
    one.avoid("127.0.0.1:2")
    assert one.find() == Service("intake#1", "n1", "127.0.0.1:1")


def test_a_stranger_finds_nothing(node: str, tmp_path: Path) -> None:
    _, another = x509.create_authority("another")
    assert finder(node, identity(tmp_path / "client", another, Kind.CLIENT, "till")).find() is None


def test_a_look_up_with_a_lower_fence_is_passed_over(
    node: str, tmp_path: Path, authority: x509.Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = finder(node, identity(tmp_path / "client", authority, Kind.CLIENT, "till"))
    monkeypatch.setattr(Lookup, "offered", [{**OFFERED[0], "fence": 5}])
    assert one.find() == Service("intake#1", "n1", "127.0.0.1:1")
    monkeypatch.setattr(Lookup, "offered", [{**OFFERED[1], "fence": 4}])
    assert one.find() is None
    assert one.late == 1


def test_nodes_that_are_silent_are_passed_over_in_turn(node: str, tmp_path: Path, authority: x509.Authority) -> None:
    files = identity(tmp_path / "client", authority, Kind.CLIENT, "till")
    nobody = "https://127.0.0.1:9"
    one = Finder([nobody, node], "object-store.v1", tls_context(files.certificate, files.key, files.authority))
    assert one.find() == Service("intake#1", "n1", "127.0.0.1:1")
    assert one.lookups == 2
    assert one.find() == Service("intake#1", "n1", "127.0.0.1:1")
    assert one.lookups == 3
