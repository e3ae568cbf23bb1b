"""Head office: operators' words become documents of sites, and sites' words are kept.

One act at a time: whatever an operator applies is worked out for all sites first and kept in one transaction, or not at
all. What a site says is durable before it is answered (J3).
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from skerry.adapters.keys.tls import Identity, Kind
from skerry.adapters.keys.x509 import Authority, CertificateError, requested_key
from skerry.adapters.manifests import check, dump, load
from skerry.adapters.store.store import Applied, Store, StoreError
from skerry.adapters.zenoh.keys import is_name
from skerry.core.actors.handed_in import HandedIn
from skerry.core.actors.manager import Authored, ItemRefused, ManagerEvent, ManagerSite, SiteSaid
from skerry.core.conversation import Exchange, Refused, key_in, kind_of, life_from, open_sealed, stored_documents
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.effects import Effects, Note
from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.ids import ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Signer, Statement, Verifier, seal
from skerry.core.kernel.values import Value, decode, encode
from skerry.core.stages.intent.model import Catalogue, Functionality, Governance, Intent, Role, Site, identity
from skerry.core.stages.ir.model import (
    CatalogueDocument,
    IntermediateRepresentation,
    Operator,
    Roster,
    RosterEntry,
    SiteDocument,
)
from skerry.core.stages.ir.rules import site_document, translate
from skerry.ports.transport import Hub
from skerry.shell import clock, entropy
from skerry.shell.events import EventStream
from skerry.shell.supervisor import Supervisor

CATALOGUE_KINDS = (Functionality, Role, Governance)
SECRET_BYTES = 24
NODES_MAX = 1_000
ENDPOINTS_MAX = 16
TOKEN_LONGEST_S = 31 * 86_400
WAITING_MAX = 1_000
"""Messages of sites that wait for their turn."""


class NotDone(Exception):
    """An operator's or a node's request that is refused; says why and what to do."""

    def __init__(self, message: str, status: int = 409) -> None:
        super().__init__(message)
        self.status = status
        """As HTTP has it: 400 malformed, 403 not allowed, 404 not there, 409 not as things are."""


class Joined(Value, frozen=True, kw_only=True):
    """What a node gets for its token."""

    certificate: str
    ca: str
    manager: str
    uplink: str
    documents: tuple[bytes, ...]


class Office:
    """One manager."""

    def __init__(
        self,
        *,
        name: str,
        uplink: str,
        store: Store,
        hub: Hub,
        authority: Authority,
        signer: Signer,
        public_key: bytes,
        verifier: Verifier,
        expressions: Expressions,
        operators: Mapping[str, bytes],
    ) -> None:
        """`uplink` is the endpoint that joining nodes are told; `operators` are those that may act at any site."""
        self.name = ManagerId(name)
        self.stream = EventStream(name)
        self.sites: dict[str, ManagerSite] = {}
        self.catalogue = Catalogue()
        self.intents: dict[str, Intent] = {}
        self.local_intents: dict[tuple[str, str], Intent] = {}
        """By site and name: handed in there, and taken over for that site alone."""
        self.site_manifests: dict[str, Site] = {}
        self._uplink = uplink
        self._store = store
        self._hub = hub
        self._authority = authority
        self._signer = signer
        self._public_key = public_key
        self._verifier = verifier
        self._expressions = expressions
        self._operators = dict(operators)
        self._turn = asyncio.Lock()
        self._doubted: set[str] = set()
        """Sites of which more was decided than could be kept."""
        self._inputs = 0
        self._life = life_from(entropy.draw())
        self._said = 0
        self._waiting: asyncio.Queue[tuple[str, NodeId, bytes]] = asyncio.Queue(WAITING_MAX)
        self._supervisor = Supervisor(asyncio.Event())
        self.lost = 0
        """Messages that came while too many waited; their senders say it again."""

    async def open(self, failed: asyncio.Event) -> None:
        """Load the store and listen; `failed` is set if a defect ends the work, and `failure` says which. Raises
        `StoreError`, `TransportError`."""
        self._supervisor = Supervisor(failed)
        await self._store.open()
        await self._load()
        self._hub.on_message(self._on_payload)
        await self._hub.admit(sorted(self.sites))
        await self._hub.open()
        self._supervisor.start(self._serve_sites(), "sites")

    @property
    def failure(self) -> BaseException | None:
        """What ended the work, if something did."""
        return self._supervisor.failure

    async def close(self) -> None:
        """Stop listening, end what is on its way."""
        await self._hub.close()
        await self._supervisor.close()
        await self._store.close()

    async def _load(self) -> None:
        manifests = await self._store.manifests()
        text = "---\n".join(m.text for m in manifests)
        documents = load(text, "store") if text else []
        self.catalogue = check(
            [d for d in documents if isinstance(d.manifest, CATALOGUE_KINDS)], Catalogue(), self._expressions
        )
        for kept_as, document in zip((m.name for m in manifests), documents, strict=True):
            self._remember(kept_as, document.manifest)
        for site, kept in (await self._store.sites()).items():
            self.sites[site] = self._recovered(site, kept)

    def _remember(self, kept_as: str, manifest: Any) -> None:
        site, slash, _ = kept_as.partition("/")
        if isinstance(manifest, Intent) and slash:
            self.local_intents[site, manifest.metadata.name] = manifest
        elif isinstance(manifest, Intent):
            self.intents[manifest.metadata.name] = manifest
        elif isinstance(manifest, Site):
            self.site_manifests[manifest.metadata.name] = manifest

    # --- operators ------------------------------------------------------------------------------------------------

    async def apply(self, text: str, source: str) -> list[dict[str, str]]:
        """Take manifests, all or none; returns what changed. Raises `ManifestErrors`, `TranslationError`."""
        async with self._acting():
            documents = load(text, source)
            catalogue = check(documents, self.catalogue, self._expressions)
            before = {m.kind + "/" + m.name: m.text for m in await self._store.manifests()}
            applied = [Applied(kind=d.kind, name=_stored_name(d.manifest), text=dump([d.manifest])) for d in documents]
            given = [d.manifest for d in documents]
            intents = {**self.intents, **{m.metadata.name: m for m in given if isinstance(m, Intent)}}
            places = {**self.site_manifests, **{m.metadata.name: m for m in given if isinstance(m, Site)}}
            fresh = {name: self._new_site(name) for name in places if name not in self.sites}
            words = {
                name: self._words_for(site, places[name], catalogue, intents)
                for name, site in {**self.sites, **fresh}.items()
                if name in places
            }
            self.sites.update(fresh)
            await self._author(words, applied)
            self.catalogue, self.intents, self.site_manifests = catalogue, intents, places
            if fresh:
                await self._hub.admit(sorted(self.sites))
            return [
                {"kind": a.kind, "name": a.name, "change": _change(before.get(f"{a.kind}/{a.name}"), a.text)}
                for a in applied
            ]

    async def withdraw(self, name: str) -> None:
        """Delete an intent: a generation that says so goes to every site that has it. Raises `NotDone`."""
        async with self._acting():
            held = {
                s: ir for s, site in self.sites.items() for ir in site.irs() if ir.name == name and not ir.withdrawn
            }
            if name not in self.intents and not held:
                raise NotDone(f"there is no intent {name!r}", 404)
            words = {
                site: (msgspec.structs.replace(ir, generation=ir.generation + 1, withdrawn=True, local=False),)
                for site, ir in held.items()
            }
            local = [key for key in self.local_intents if key[1] == name]
            forgotten = [("Intent", name), *(("Intent", f"{site}/{name}") for site, _ in local)]
            await self._author(words, [], forgotten=forgotten)
            self.intents.pop(name, None)
            for key in local:
                del self.local_intents[key]

    def _words_for(
        self, site: ManagerSite, place: Site, catalogue: Catalogue, intents: Mapping[str, Intent]
    ) -> tuple[Any, ...]:
        """The documents of a site that an act changes, each a generation above the one in force."""
        words: list[Any] = []
        settings = next(iter(site.values("site")), None)
        fresh: SiteDocument = site_document(place, catalogue, generation=_next(settings))
        if settings is None or _differs(settings, fresh):
            words.append(fresh)
        text = dump([*catalogue.governances.values(), *catalogue.roles.values(), *catalogue.functionalities.values()])
        kept = next(iter(site.values("catalogue")), None)
        if kept is None or kept.manifests != text:
            words.append(CatalogueDocument(generation=_next(kept), manifests=text))
        return (*words, *self._irs_for(site, place, catalogue, intents))

    def _irs_for(
        self, site: ManagerSite, place: Site, catalogue: Catalogue, intents: Mapping[str, Intent]
    ) -> Iterable[IntermediateRepresentation]:
        """A generation for each intent that has changed for a site, has come to it, or has left it."""
        wanted = {name: intent for (at, name), intent in self.local_intents.items() if at == site.site}
        wanted |= {name: intent for name, intent in intents.items() if _is_for(intent, place)}
        known = {ir.name: ir for ir in site.irs() if not ir.local}
        for name, intent in wanted.items():
            now = known.get(name)
            ir = translate(intent, catalogue, expressions=self._expressions, owner=self.name, generation=_next(now))
            if now is None or _differs(now, ir):
                yield ir
        for name, now in known.items():
            if name not in wanted and not now.withdrawn:
                yield msgspec.structs.replace(now, generation=_next(now), withdrawn=True)

    def _new_site(self, name: str) -> ManagerSite:
        """A site that nobody has joined yet."""
        roster = Roster(
            site=name,
            version=1,
            predecessor="",
            manager=self.name,
            manager_key=self._public_key,
            members={},
            operators={n: Operator(name=n, public_key=k, may=("apply",)) for n, k in self._operators.items()},
        )
        return ManagerSite.found(roster, self._signer, self._handed_in(name))

    def _handed_in(self, site: str) -> HandedIn:
        return HandedIn(site=site, verifier=self._verifier, translate=self._translate_local)

    def _translate_local(self, text: str) -> IntermediateRepresentation:
        """What an operator handed in at a site, looked up in the catalogue here. Raises ValueError."""
        documents = load(text, "intent")
        check(documents, self.catalogue, self._expressions)
        if len(documents) != 1 or not isinstance(documents[0].manifest, Intent):
            raise ValueError(f"expected one Intent and nothing else, found {len(documents)} documents")
        return translate(
            documents[0].manifest, self.catalogue, expressions=self._expressions, owner=self.name, generation=1
        )

    async def _author(
        self,
        words: Mapping[str, Iterable[Any]],
        applied: list[Applied],
        *,
        forgotten: Iterable[tuple[str, str]] = (),
        token: str | None = None,
    ) -> None:
        done = {site: [self._step(site, Authored(documents=tuple(documents)))] for site, documents in words.items()}
        await self._keep(done, applied, forgotten, token)

    async def _keep(
        self,
        done: Mapping[str, list[Effects]],
        applied: Iterable[Applied] = (),
        forgotten: Iterable[tuple[str, str]] = (),
        token: str | None = None,
    ) -> None:
        """Make durable what these steps decided, then do the rest of it (J3). Raises `StoreError`; what could not be
        kept was then never decided: before the next act the sites are again as the store has them."""
        adopted = [(site, text) for site in done for text in self.sites[site].handed_in.adopted]
        applied = [*applied, *(_local(site, text) for site, text in adopted)]
        changes = {
            site: (*self.sites[site].founding(), *(change for effects in steps for change in effects.persist))
            for site, steps in done.items()
        }
        try:
            if any(changes.values()) or applied or forgotten or token:
                await self._store.commit(changes, applied, clock.wall_ms(), forgotten=forgotten, token=token)
        except StoreError:
            self._doubted |= set(done)
            raise
        for site, text in adopted:
            self._remember(f"{site}/", load(text, "intent")[0].manifest)
            self.sites[site].handed_in.adopted.clear()
        for site, steps in done.items():
            for effects in steps:
                self._tell(site, effects)

    @asynccontextmanager
    async def _acting(self) -> AsyncIterator[None]:
        """One act at a time, on sites that are as the store has them. Raises `StoreError`."""
        async with self._turn:
            for site in sorted(self._doubted):
                kept = await self._store.site(site)
                if kept:
                    self.sites[site] = self._recovered(site, kept)
                else:
                    self.sites.pop(site, None)
                self._doubted.discard(site)
            yield

    def _recovered(self, site: str, kept: Mapping[str, bytes]) -> ManagerSite:
        opened = stored_documents(kept, site, self._verifier)
        return ManagerSite.recover(site, self.name, self._signer, self._handed_in(site), kept, opened)

    # --- joining --------------------------------------------------------------------------------------------------

    async def make_token(self, site: str, node: str | None, ttl_s: int) -> str:
        """A token that one node of a site may join with, once. Raises `NotDone`."""
        return await self.make_token_in(self._store, self._authority, site, node, ttl_s)

    @staticmethod
    async def make_token_in(store: Store, authority: Authority, site: str, node: str | None, ttl_s: int) -> str:
        """The same, straight in the store: for whoever sits at the manager's own machine."""
        if not 0 <= ttl_s <= TOKEN_LONGEST_S:
            raise NotDone(f"a token may last from 0 s to {TOKEN_LONGEST_S} s, not {ttl_s} s", 400)
        known = sorted(await store.sites())
        if site not in known:
            said = f"there is no site {site!r}; known: {', '.join(known) or 'none yet: apply a Site first'}"
            raise NotDone(said, 404)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        await store.add_token(_hash(secret), site, node, clock.wall_ms() + ttl_s * 1000)
        return f"{secret}.{certificate_digest(authority.certificate_pem)}"

    def authority_digest(self) -> str:
        """SHA-256 of the authority's certificate: part of every token, so that a node knows whom it talks to."""
        return certificate_digest(self._authority.certificate_pem)

    @property
    def authority_pem(self) -> bytes:
        """The certificate of this manager's authority."""
        return self._authority.certificate_pem

    async def join(
        self, token: str, site: str, node: str, request: str, endpoints: tuple[str, ...], hosts: tuple[str, ...]
    ) -> Joined:
        """Enrol a node: its certificate, and all that it needs to be on its own. Raises `NotDone`, `StoreError`."""
        if not is_name(node):
            raise NotDone(f"node {node[:80]!r}: expected 1 to 63 letters, digits, '.', '_' or '-'", 400)
        if len(endpoints) > ENDPOINTS_MAX or len(hosts) > ENDPOINTS_MAX or any(len(e) > 300 for e in endpoints):
            raise NotDone(f"expected at most {ENDPOINTS_MAX} endpoints and hosts, of 300 characters each", 400)
        async with self._acting():
            hash_ = _hash(token.partition(".")[0])
            state = await self._store.token_state(hash_, site, node, clock.wall_ms())
            if state != "good" or site not in self.sites:
                raise NotDone(_TOKEN_WORDS.get(state, f"there is no site {site!r}"), 403)
            place = self.sites[site]
            roster = place.roster()
            if (key := place.exclusive_key()) is not None:
                raise NotDone(
                    f"site {site} has plans for {key}, which must not be active twice: its roster cannot change now; "
                    f"delete that intent, let the node join, and apply the intent again"
                )
            if node in roster.members:
                raise NotDone(f"site {site} has a node {node!r} already; choose another name")
            if len(roster.members) >= NODES_MAX:
                raise NotDone(f"site {site} has {NODES_MAX} nodes, and no more are taken")
            try:
                public_key = requested_key(request.encode())
                certificate = self._authority.issue(
                    request.encode(), Identity(kind=Kind.NODE, site=site, name=node), hosts
                )
            except CertificateError as error:
                raise NotDone(f"the certificate request cannot be read: {error}", 400) from error
            entry = RosterEntry(node=node, public_key=public_key, endpoints=endpoints)
            successor = place.next_roster(members={**roster.members, node: entry})
            await self._author({site: (successor,)}, [], token=hash_)
            return Joined(
                certificate=certificate.decode(),
                ca=self._authority.certificate_pem.decode(),
                manager=self.name,
                uplink=self._uplink,
                documents=tuple(encode(k.sealed) for k in place.own_documents()),
            )

    # --- sites ----------------------------------------------------------------------------------------------------

    def _on_payload(self, site: str, node: NodeId, payload: bytes) -> None:
        if self._waiting.full():
            self.lost += 1
        else:
            self._waiting.put_nowait((site, node, payload))

    async def _serve_sites(self) -> None:
        while True:
            await self._take(*await self._waiting.get())

    async def _take(self, site: str, node: NodeId, payload: bytes) -> None:
        """A statement of a site's member, with what it carries: verified, kept, then answered."""
        try:
            async with self._acting():
                place = self.sites.get(site)
                if place is None:
                    return
                sealed = decode(payload, Sealed)
                said = open_sealed(sealed, site, lambda s: key_in(place.roster(), s), self._verifier)
                events = [*self._carried(site, node, said.body), SiteSaid(node=node, said=said)]
                await self._keep({site: [self._step(site, event) for event in events]})
        except (Refused, msgspec.DecodeError) as refused:
            self._note(site, Note(what="statement.refused", about=node, data={"why": str(refused)}), "")
        except StoreError as error:  # not acknowledged, so the site says it again
            self._note(site, Note(what="store.failed", data={"why": str(error)}), "")

    def _carried(self, site: str, node: NodeId, body: Any) -> list[ManagerEvent]:
        if not isinstance(body, Question):
            return []
        exchange = decode(body.carried, Exchange)
        events: list[ManagerEvent] = []
        for item in exchange.items:
            try:
                said = open_sealed(item, site, lambda s: key_in(self.sites[site].roster(), s), self._verifier)
                events.append(SiteSaid(node=node, said=said))
            except Refused as refused:
                events.append(ItemRefused(node=node, sealed=item, why=str(refused)))
        return events

    def _step(self, site: str, event: ManagerEvent) -> Effects:
        self._inputs += 1
        return self.sites[site].step(
            Input(
                id=f"{self.name}-{self._inputs}",
                at_ms=clock.boot_ms(),
                wall_ms=clock.wall_ms(),
                draw=entropy.draw(),
                event=event,
            )
        )

    def _tell(self, site: str, effects: Effects) -> None:
        for instruct in effects.instruct:
            self._said += 1
            statement = Statement(
                kind=kind_of(instruct.message),
                site=site,
                signer=self.name,
                life=self._life,
                number=self._said,
                body=encode(instruct.message),
            )
            self._hub.send(site, instruct.node, encode(seal(self._signer, statement)))
        for note in effects.note:
            self._note(site, note, effects.cause)

    def _note(self, site: str, note: Note, cause: str) -> None:
        known = Note(what=note.what, about=note.about, data={"site": site, **note.data})
        self.stream.add(known, at_ms=clock.boot_ms(), wall_ms=clock.wall_ms(), cause=cause)


_TOKEN_WORDS = {
    "unknown": "this token is not known here: ask for one with `skerry manager token`",
    "used": "this token was used already: every node needs one of its own",
    "expired": "this token has expired: ask for a new one with `skerry manager token`",
    "other site": "this token is for another site",
    "other node": "this token is for a node of another name",
}


def certificate_digest(pem: bytes) -> str:
    """SHA-256 of a certificate's DER form, in hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _next(document: SiteDocument | CatalogueDocument | IntermediateRepresentation | None) -> int:
    return document.generation + 1 if document is not None else 1


def _differs(now: SiteDocument | IntermediateRepresentation, fresh: SiteDocument | IntermediateRepresentation) -> bool:
    return msgspec.structs.replace(fresh, generation=now.generation) != now


def _is_for(intent: Intent, place: Site) -> bool:
    wanted = intent.spec.sites.match_labels if intent.spec.sites is not None else {}
    return all(place.metadata.labels.get(label) == value for label, value in wanted.items())


def _local(site: str, text: str) -> Applied:
    """How an intent that was handed in at a site is kept: for that site alone."""
    manifest = load(text, "intent")[0].manifest
    return Applied(kind="Intent", name=f"{site}/{manifest.metadata.name}", text=dump([manifest]))


def _stored_name(manifest: Any) -> str:
    return manifest.metadata.name if not isinstance(manifest, Functionality) else identity(manifest)


def _change(before: str | None, now: str) -> str:
    if before is None:
        return "created"
    return "unchanged" if before == now else "changed"
