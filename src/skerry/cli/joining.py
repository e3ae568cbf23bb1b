"""Enrolment: from a token to a folder that an agent can run by (D5).

The token's second half is the digest of the authority's certificate: by it the node knows the manager before it tells
it anything. The private key is made here and never leaves. All is written into a folder beside the one that was asked
for, which is renamed when everything in it was checked; so there is no half-joined machine.
Still ugly: if this machine loses power between the manager's answer and the renaming, the token is used up, and the
name with it.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import typer

from skerry.adapters.keys import ed25519
from skerry.adapters.keys.files import write_public, write_secret
from skerry.adapters.keys.tls import Kind, TlsFiles, peer_identity
from skerry.adapters.keys.x509 import CertificateError, create_request, identity_in, save
from skerry.adapters.manifests import ManifestErrors, dump, load, load_file
from skerry.adapters.sqlite.state import SqliteStorage
from skerry.cli.errors import Failed, Unreachable
from skerry.cli.words import host_of, joined
from skerry.core.conversation import Refused, document_of, key_in, open_sealed
from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.custody.model import Kept
from skerry.core.kernel.effects import Put
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import Value, decode, encode
from skerry.core.stages.intent.model import Node
from skerry.core.stages.ir.model import Roster
from skerry.ports.storage import StorageError
from skerry.shell.settings import NODE_FILE, SETTINGS_FILE, AgentSettings

FABRIC_PORT = 7447
API_PORT = 7448
AUTHORITY_BYTES_MAX = 64 * 1024
ANSWER_BYTES_MAX = 64 * 1024 * 1024
WITHIN_S = 30.0
DIGEST_DIGITS = 64
ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - never bound here: what a manager that listens everywhere calls itself


class Wish(NamedTuple):
    """What was asked for; what is None gets its default."""

    manager: str
    """`host:port` of its API."""
    token: str
    site: str
    name: str
    folder: Path
    host: str | None
    listen: str | None
    peers: tuple[str, ...]
    multicast: str | None
    api: str | None
    uplink: str | None
    node_file: Path | None
    replaces: str | None = None


class Enrolled(Value, frozen=True, kw_only=True):
    """The manager's answer."""

    certificate: str
    ca: str
    manager: str
    uplink: str
    documents: tuple[bytes, ...]


def join(wish: Wish) -> str:
    """Enrol this machine; returns what to tell the user. Raises `Failed`, `Unreachable`, `typer.BadParameter`."""
    digest = _digest_in(wish.token)
    node_text = _owners_word(wish)
    with _made_whole(wish.folder) as beside:
        ca_pem, own_address = _authority(wish.manager, digest)
        settings = _settings(wish, own_address)
        seed = ed25519.generate()
        enrolled = _enrol(wish, settings, ca_pem, create_request(seed).decode())
        documents, roster = _documents(enrolled, wish, seed)
        save(
            TlsFiles.within(beside),
            authority_pem=ca_pem.encode(),
            certificate_pem=enrolled.certificate.encode(),
            seed=seed,
        )
        settings = msgspec.structs.replace(
            settings,
            manager=roster.manager,
            uplink=wish.uplink or _reachable(enrolled.uplink, host_of(wish.manager)),
            peers=settings.peers or _endpoints(roster, wish.name),
            gossip=bool(settings.peers),  # the roster names all that a later one has to dial
        )
        write_secret(beside / SETTINGS_FILE, msgspec.json.format(msgspec.json.encode(settings), indent=1) + b"\n")
        write_public(beside / NODE_FILE, node_text.encode())
        _keep(beside, documents)
    return f"{wish.name} has joined {wish.site}; start it with `skerry agent run --folder {wish.folder}`"


# --- what can be checked before anybody is asked ----------------------------------------------------------------------


def _digest_in(token: str) -> str:
    secret, _, digest = token.rpartition(".")
    if not secret or len(digest) != DIGEST_DIGITS or set(digest) - set("0123456789abcdef"):
        raise typer.BadParameter(
            "expected a token as `skerry manager token` prints it on its last line, whole", param_hint="--token"
        )
    return digest


def _owners_word(wish: Wish) -> str:
    """The text of `node.yaml`. Raises `Failed` if it is not this node's."""
    try:
        if wish.node_file is None:
            return _default_word(wish)
        documents = load_file(wish.node_file)
        node = documents[0].manifest
        if len(documents) != 1 or not isinstance(node, Node):
            raise Failed(f"{wish.node_file}: expected one document of kind Node")
        if (node.metadata.name, node.metadata.site) != (wish.name, wish.site):
            raise Failed(
                f"{wish.node_file}: it is for {node.metadata.name} of {node.metadata.site}; "
                f"expected {wish.name} of {wish.site}"
            )
        return wish.node_file.read_text()
    except ManifestErrors as error:
        raise Failed(str(error)) from error


def _default_word(wish: Wish) -> str:
    """An owner who says nothing gives the whole machine, and learns here where to say otherwise."""
    head = {"apiVersion": "skerry/v1", "kind": "Node", "metadata": {"name": wish.name, "site": wish.site}}
    try:
        manifests = [document.manifest for document in load(json.dumps(head), "--name and --site")]
    except ManifestErrors as error:
        raise typer.BadParameter(str(error)) from None
    return "# What this machine gives and has; see Node in the format. Read again while the agent runs.\n" + dump(
        manifests
    )


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that takes its place if the block succeeds, and is gone if it does not."""
    folder = folder.absolute()
    try:
        if folder.exists() and any(folder.iterdir()):
            raise Failed(f"{folder}: not empty; a machine joins into a folder of its own, give another --folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise Failed(
            f"{folder}: cannot be made ({error.strerror}); give a --folder that this user may write"
        ) from error
    try:
        yield beside
        os.rename(beside, folder)
    except (OSError, StorageError) as error:
        raise Failed(f"{folder}: cannot be written ({error}); nothing was joined, ask for a new token") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _settings(wish: Wish, own_address: str) -> AgentSettings:
    host = wish.host or own_address
    multicast = wish.multicast or "none"
    return AgentSettings(
        site=wish.site,
        node=wish.name,
        manager="",
        uplink="",
        listen=(wish.listen or f"tls/{joined(host, FABRIC_PORT)}",),
        peers=wish.peers,
        multicast=None if multicast == "none" else multicast,
        host=host,
        api=wish.api or joined(host, API_PORT),
    )


# --- talking to the manager -------------------------------------------------------------------------------------------


def _authority(manager: str, digest: str) -> tuple[str, str]:
    """The authority's certificate, if it is that of the token; and this machine's address on the way there.

    Whoever answers is not known yet, so nothing is told: the token's digest decides whether the answer is believed.
    """
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.check_hostname = False
    stranger.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(manager, timeout=WITHIN_S, context=stranger)
    try:
        connection.request("GET", "/v1/authority")
        own_address = str(connection.sock.getsockname()[0]) if connection.sock is not None else ""
        raw = connection.getresponse().read(AUTHORITY_BYTES_MAX)
        ca_pem = str(json.loads(raw)["ca"])
        found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(ca_pem)).hexdigest()
    except (ValueError, KeyError, TypeError) as error:
        raise Failed(f"https://{manager}: this is no Skerry manager; its answer cannot be read") from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(manager, error) from error
    finally:
        connection.close()
    if found != digest:
        raise Failed(
            f"https://{manager}: this is not the manager that made the token; check --manager, and that the token was "
            "copied whole"
        )
    return ca_pem, own_address


def _enrol(wish: Wish, settings: AgentSettings, ca_pem: str, request: str) -> Enrolled:
    known = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    known.minimum_version = ssl.TLSVersion.TLSv1_3
    known.check_hostname = False  # a manager is known by its authority and its kind, and may be reached by any name
    known.load_verify_locations(cadata=ca_pem)
    body = {
        "token": wish.token,
        "site": wish.site,
        "name": wish.name,
        "request": request,
        "endpoints": list(settings.listen),
        "hosts": sorted({settings.host, host_of(settings.api)}),
        "api": settings.api,
        "replaces": wish.replaces,
    }
    connection = http.client.HTTPSConnection(wish.manager, timeout=WITHIN_S, context=known)
    try:
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        who = peer_identity(connection.sock.getpeercert())
        if who is None or who.kind is not Kind.MANAGER:
            raise Failed(f"https://{wish.manager}: somebody with a certificate of that manager answers, but no manager")
        connection.request("POST", "/v1/join", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        raw = answer.read(ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(wish.manager, error) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise Failed(f"the manager refused: {_refusal(raw)}")
    try:
        return msgspec.json.decode(raw, type=Enrolled)
    except msgspec.DecodeError as error:
        raise Failed(f"https://{wish.manager}: its answer cannot be read: {error}; do both run one version?") from error


def _unreachable(manager: str, error: Exception) -> Failed:
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Unreachable(
        f"https://{manager}: the manager does not answer ({why}); it is needed for joining, and only then: try again"
    )


def _refusal(raw: bytes) -> str:
    try:
        value = json.loads(raw)
        return str(value.get("error") or value.get("detail"))
    except (ValueError, AttributeError):
        return raw[:300].decode(errors="replace")


# --- believing what it said -------------------------------------------------------------------------------------------


def _documents(enrolled: Enrolled, wish: Wish, seed: bytes) -> tuple[list[Kept], Roster]:
    """All that the manager signed, each checked; and the newest roster. Raises `Failed`."""
    try:
        certified, key = identity_in(enrolled.certificate.encode())
        sealed = [decode(raw, Sealed) for raw in enrolled.documents]
        roster = _newest_roster(sealed)
        verifier = ed25519.NaclVerifier()
        opened = [open_sealed(s, wish.site, lambda signer: key_in(roster, signer), verifier) for s in sealed]
        documents = [document_of(said, roster) for said in opened]
    except (CertificateError, msgspec.DecodeError, Refused) as error:
        raise Failed(f"https://{wish.manager}: what it sent cannot be believed: {error}") from error
    own = ed25519.public_key(seed)
    member = roster.members.get(wish.name)
    if (certified.kind, certified.site, certified.name, key) != (Kind.NODE, wish.site, wish.name, own):
        raise Failed(f"https://{wish.manager}: the certificate that it sent is not this machine's")
    if member is None or member.public_key != own or roster.manager != enrolled.manager:
        raise Failed(f"https://{wish.manager}: the roster that it sent does not name this machine")
    return documents, roster


def _newest_roster(sealed: list[Sealed]) -> Roster:
    """The manager spoke over a connection that its authority vouches for; its roster says with which key it signs."""
    statements = [decode(one.statement, Statement) for one in sealed]
    rosters = [decode(said.body, Roster) for said in statements if said.kind == "roster"]
    if not rosters:
        raise Refused("there is no roster in it")
    return max(rosters, key=lambda roster: roster.version)


def _endpoints(roster: Roster, me: str) -> tuple[str, ...]:
    """Where the members before this one said that they listen: tried beside those that are found by multicast."""
    return tuple(e for name, entry in sorted(roster.members.items()) if name != me for e in entry.endpoints)


def _reachable(uplink: str, manager_host: str) -> str:
    """A manager that listens everywhere is reached where this machine reached it."""
    address = uplink.removeprefix("tls/")
    host, port = host_of(address), address.rpartition(":")[2]
    return f"tls/{joined(manager_host, int(port))}" if host in ANYWHERE and port.isdigit() else uplink


def _keep(folder: Path, documents: list[Kept]) -> None:
    storage = SqliteStorage(folder)
    try:
        storage.commit(Put(key=DOCUMENT_PREFIX + kept.name, value=encode(kept.sealed)) for kept in documents)
    finally:
        storage.close()
