"""How nodes come to belong to a site and cease to: join tokens, what a node gets for one, and removal (D5, N4, X5).

A token is `<secret>.<SHA-256 of the authority's certificate>`: good once, for one site, for a while, and kept as a hash
alone. It is used up in the transaction that brings the node into the roster, and by nothing less.
"""

from __future__ import annotations

import hashlib
import secrets
import ssl

from skerry.adapters.keys.tls import Identity, Kind
from skerry.adapters.keys.x509 import Authority, CertificateError, requested_key
from skerry.adapters.store.store import Store
from skerry.adapters.zenoh.keys import is_name
from skerry.api.correspondence import Correspondence
from skerry.api.refusing import NotDone
from skerry.core.actors.manager import ManagerSite
from skerry.core.kernel.values import Value, encode
from skerry.core.stages.ir.model import RosterEntry
from skerry.shell import clock

SECRET_BYTES = 24
NODES_MAX = 1_000
ENDPOINTS_MAX = 16
ENDPOINT_CHARACTERS_MAX = 300
TOKEN_LONGEST_S = 31 * 86_400

_TOKEN_WORDS = {
    "unknown": "this token is not known here: ask for one with `skerry manager token`",
    "used": "this token was used already: every node needs one of its own",
    "expired": "this token has expired: ask for a new one with `skerry manager token`",
    "other site": "this token is for another site",
    "other node": "this token is for a node of another name",
}


class Joining(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a node sends with its token."""

    token: str
    site: str
    name: str
    request: str
    """A certificate request, PEM: the key never leaves the node."""
    endpoints: tuple[str, ...] = ()
    """Where its peers reach it."""
    hosts: tuple[str, ...] = ()
    """Names and addresses that its certificate is to bear."""
    api: str = ""
    replaces: str | None = None
    """A node that goes with the same roster: a dead machine's, say (U15)."""


class Joined(Value, frozen=True, kw_only=True):
    """What a node gets for its token: all that it needs to be on its own."""

    certificate: str
    ca: str
    manager: str
    uplink: str
    documents: tuple[bytes, ...]


class Enrolling:
    """One manager's desk for new nodes."""

    def __init__(self, correspondence: Correspondence, authority: Authority, uplink: str) -> None:
        """`uplink` is the endpoint that joining nodes are told."""
        self._correspondence = correspondence
        self._authority = authority
        self._uplink = uplink

    @property
    def authority_pem(self) -> bytes:
        """The certificate of this manager's authority."""
        return self._authority.certificate_pem

    async def token(self, site: str, node: str | None, ttl_s: int) -> str:
        """A token that one node of a site may join with, once. Raises `NotDone`, `StoreError`."""
        return await make_token(self._correspondence.store, self._authority, site, node, ttl_s)

    async def remove(self, site: str, node: str) -> None:
        """Take a node out: the next roster is without it. Raises `NotDone`, `StoreError`."""
        async with self._correspondence.acting():
            place = self._correspondence.at_home(site)
            if node not in place.roster().members:
                raise NotDone(f"there is no node {node!r} at a site {site!r}", 404)
            await self._correspondence.say({site: (place.roster_without(node),)})

    async def join(self, asked: Joining) -> Joined:
        """Enrol a node. Raises `NotDone`, `StoreError`."""
        _check_form(asked)
        hash_ = _hash(asked.token.partition(".")[0])
        async with self._correspondence.acting():
            state = await self._correspondence.store.token_state(hash_, asked.site, asked.name, clock.wall_ms())
            if state != "good" or asked.site not in self._correspondence.sites:
                raise NotDone(_TOKEN_WORDS.get(state, f"there is no site {asked.site!r}"), 403)
            place = self._correspondence.at_home(asked.site)
            _check_place(place, asked)
            try:
                public_key = requested_key(asked.request.encode())
                who = Identity(kind=Kind.NODE, site=asked.site, name=asked.name)
                certificate = self._authority.issue(asked.request.encode(), who, asked.hosts)
            except CertificateError as error:
                raise NotDone(f"the certificate request cannot be granted: {error}", 400) from error
            entry = RosterEntry(node=asked.name, public_key=public_key, endpoints=asked.endpoints)
            others = {name: known for name, known in place.roster().members.items() if name != asked.replaces}
            successor = place.next_roster(members={**others, asked.name: entry})
            await self._correspondence.say({asked.site: (successor,)}, token=hash_)
            return Joined(
                certificate=certificate.decode(),
                ca=self._authority.certificate_pem.decode(),
                manager=self._correspondence.name,
                uplink=self._uplink,
                documents=tuple(encode(k.sealed) for k in place.own_documents()),
            )


async def make_token(store: Store, authority: Authority, site: str, node: str | None, ttl_s: int) -> str:
    """A join token, straight in the store: for whoever sits at the manager's own machine. Raises `NotDone`,
    `StoreError`."""
    if not 0 <= ttl_s <= TOKEN_LONGEST_S:
        raise NotDone(f"a token may last from 0 s to {TOKEN_LONGEST_S} s, not {ttl_s} s", 400)
    known = await store.site_names()
    if site not in known:
        said = f"there is no site {site!r}; known: {', '.join(known) or 'none yet: apply a Site first'}"
        raise NotDone(said, 404)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    await store.add_token(_hash(secret), site, node, clock.wall_ms() + ttl_s * 1000)
    return f"{secret}.{certificate_digest(authority.certificate_pem)}"


def certificate_digest(pem: bytes) -> str:
    """SHA-256 of a certificate's DER form, in hex: what a joining node knows its manager by."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()


def _check_form(asked: Joining) -> None:
    if not is_name(asked.name):
        said = f"node {asked.name[:80]!r}: expected 1 to 63 letters, digits, '.', '_' or '-', first a letter or digit"
        raise NotDone(said, 400)
    for what in (asked.endpoints, asked.hosts):
        if len(what) > ENDPOINTS_MAX or any(len(one) > ENDPOINT_CHARACTERS_MAX for one in what):
            said = f"expected at most {ENDPOINTS_MAX} endpoints and hosts, of {ENDPOINT_CHARACTERS_MAX} characters each"
            raise NotDone(said, 400)


def _check_place(place: ManagerSite, asked: Joining) -> None:
    """Whether a site can take a further node, of this name, now."""
    members, node = place.roster().members, asked.name
    if asked.replaces is not None and asked.replaces not in members:
        raise NotDone(f"site {place.site} has no node {asked.replaces!r} to be replaced")
    if node in members:
        raise NotDone(f"site {place.site} has a node {node!r} already; choose another name")
    if node in place.roster().former:
        said = f"site {place.site} had a node {node!r} once; a name stands for one key and its word: choose another"
        raise NotDone(said)
    roster = place.roster()
    if node in {roster.manager, *(guest.name for guest in roster.guests), *roster.operators}:
        raise NotDone(f"{node!r} is the name of a manager or an operator of site {place.site}; choose another")
    if len(members) >= NODES_MAX:
        raise NotDone(f"site {place.site} has {NODES_MAX} nodes, and no more are taken")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
