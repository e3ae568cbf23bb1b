"""Head office: what operators apply becomes documents of sites.

Whatever is applied is worked out for all sites first and kept in one transaction, or not at all. A document that does
not differ makes no generation; an intent that no longer is for a site is withdrawn there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from skerry.adapters.keys.x509 import Authority
from skerry.adapters.manifests import check, dump, load, refuse
from skerry.adapters.store.store import Applied, Store
from skerry.api.correspondence import Correspondence, Trust
from skerry.api.enrolling import Enrolling
from skerry.api.refusing import NotDone, check_speaks
from skerry.api.visiting import Visiting
from skerry.core.actors.manager import ManagerSite
from skerry.core.actors.operators import HAND_OVER
from skerry.core.conversation import DECLARE_DEAD, Refused, document_of, key_in, open_sealed
from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.ids import ManagerId
from skerry.core.kernel.sealing import Sealed, Signer, Verifier
from skerry.core.kernel.values import decode
from skerry.core.stages.intent import holds
from skerry.core.stages.intent.local import RIGHT
from skerry.core.stages.intent.model import Catalogue, Intent, Manifest, Site, identity
from skerry.core.stages.ir import issuing
from skerry.core.stages.ir.model import IntermediateRepresentation, Operator, Roster
from skerry.core.stages.ir.rules import translate
from skerry.ports.transport import Hub
from skerry.shell.events import EventStream


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
        trust: Trust,
    ) -> None:
        """`uplink` is the endpoint that joining nodes are told; `operators` are those that may act at any site; `trust`
        lets in nodes that others' authorities vouch for."""
        self.name = ManagerId(name)
        self.catalogue = Catalogue()
        self.intents: dict[str, Intent] = {}
        self.local_intents: dict[tuple[str, str], Intent] = {}
        """By site and name: handed in there, and taken over for that site alone."""
        self.site_manifests: dict[str, Site] = {}
        self._store = store
        self._public_key = public_key
        self._expressions = expressions
        self._verifier = verifier
        self._operators = dict(operators)
        self.correspondence = Correspondence(
            name=name,
            store=store,
            hub=hub,
            signer=signer,
            verifier=verifier,
            translate=self._translated_here,
            adopt=self._adopted,
            due=self._due,
            trust=trust,
        )
        self.enrolling = Enrolling(self.correspondence, authority, uplink)
        self.visiting = Visiting(self.correspondence, authority, public_key, verifier, uplink)

    @property
    def sites(self) -> Mapping[str, ManagerSite]:
        """All sites, by name."""
        return self.correspondence.sites

    @property
    def stream(self) -> EventStream:
        """What happened, for people and programs."""
        return self.correspondence.stream

    async def open(self, failed: asyncio.Event) -> None:
        """Load the store and listen; see `Correspondence.open`. Raises `StoreError`, `TransportError`."""
        await self._store.open()
        for kept in await self._store.manifests():
            self._remember(kept, load(kept.text, "store")[0].manifest)
        await self.correspondence.open(failed)
        await self._introduce_operators()

    async def _introduce_operators(self) -> None:
        """Whose right to act at a site has come or gone since the last start goes into the site's next roster."""
        async with self.correspondence.acting():
            words = {name: self._new_operators(site) for name, site in self.sites.items() if site.may_speak}
            if any(words.values()):
                await self.correspondence.say(words)

    def _new_operators(self, site: ManagerSite) -> tuple[Any, ...]:
        following = site.next_roster(operators=self._operators_of_all())
        return (following,) if site.is_home and following.operators != site.roster().operators else ()

    def _due(self, site: str) -> tuple[Any, ...]:
        """What operators did since this manager started, before the site was heard (J4)."""
        place = self.sites[site]
        words = self._words_for(place, self.site_manifests.get(site), self.catalogue, self.intents, frozenset())
        return (*self._new_operators(place), *words)

    def _operators_of_all(self) -> dict[str, Operator]:
        may = (RIGHT, DECLARE_DEAD, holds.RIGHT, HAND_OVER)
        return {n: Operator(name=n, public_key=k, may=may) for n, k in self._operators.items()}

    async def close(self) -> None:
        """Stop listening, end what is on its way."""
        await self.correspondence.close()
        await self._store.close()

    def _remember(self, kept: Applied, manifest: Manifest) -> None:
        site, slash, _ = kept.name.partition("/")
        if isinstance(manifest, Intent) and slash:
            self.local_intents[site, manifest.metadata.name] = manifest
        elif isinstance(manifest, Intent):
            self.intents[manifest.metadata.name] = manifest
        elif isinstance(manifest, Site):
            self.site_manifests[manifest.metadata.name] = manifest
        else:
            self.catalogue = self.catalogue.extended([manifest])

    # --- what operators do ----------------------------------------------------------------------------------------

    async def apply(self, text: str, source: str) -> list[dict[str, str]]:
        """Take manifests, all or none; returns what changed. Raises `ManifestErrors`, `TranslationError`,
        `StoreError`, `TransportError`."""
        async with self.correspondence.acting():
            documents = load(text, source)
            catalogue = check(documents, self.catalogue, self._expressions)
            given = [document.manifest for document in documents]
            intents = {**self.intents, **{m.metadata.name: m for m in given if isinstance(m, Intent)}}
            places = {**self.site_manifests, **{m.metadata.name: m for m in given if isinstance(m, Site)}}
            new = {name: self._founded(name) for name in places if name not in self.sites}
            sites = {**self.sites, **new}
            for name in places:
                if not sites[name].is_home:
                    raise NotDone(f"nothing was applied: site {name} is {sites[name].roster().manager}'s")
            words = {
                name: self._words_for(site, places.get(name), catalogue, intents, self._named(given))
                for name, site in sites.items()
                if name in places or not site.is_home
            }
            refuse(
                [one for name, said in words.items() for one in issuing.wrong_leases(sites[name].held(), said)],
                documents,
            )
            before = {(kept.kind, kept.name): kept.text for kept in await self._store.manifests()}
            applied = [Applied(kind=d.kind, name=identity(d.manifest), text=dump([d.manifest])) for d in documents]
            await self.correspondence.say(words, new=new, applied=applied)
            self.catalogue, self.intents, self.site_manifests = catalogue, intents, places
            return [
                {"kind": a.kind, "name": a.name, "change": _change(before.get((a.kind, a.name)), a.text)}
                for a in applied
            ]

    async def withdraw(self, name: str) -> None:
        """Delete an intent: a generation that says so goes to each site that has it. Raises `NotDone`, `StoreError`."""
        async with self.correspondence.acting():
            held = {
                s: ir for s, site in self.sites.items() for ir in site.irs() if ir.name == name and not ir.withdrawn
            }
            words = {s: (issuing.withdrawn(ir),) for s, ir in held.items() if self.sites[s].may_speak}
            if name not in self.intents and not held:
                raise NotDone(f"there is no intent {name!r}", 404)
            local = [key for key in self.local_intents if key[1] == name]
            forgotten = [("Intent", name), *(("Intent", f"{site}/{name}") for site, _ in local)]
            await self.correspondence.say(words, forgotten=forgotten)
            self.intents.pop(name, None)
            for key in local:
                del self.local_intents[key]

    async def hold(self, site: str, raw: bytes) -> dict[str, Any]:
        """Take an operator's hold, or the end of one, for a site. Raises `NotDone`, `StoreError`."""
        async with self.correspondence.acting():
            known = self.sites[site]
            check_speaks(known)
            if not known.is_home:
                return await self._pause_as_guest(known, raw)
            try:
                said = open_sealed(decode(raw, Sealed), site, lambda s: key_in(known.roster(), s), self._verifier)
                document = document_of(said, known.roster())
            except (msgspec.DecodeError, Refused) as error:
                raise NotDone(f"not a statement of somebody who may hold anything there: {error}", 403) from error
            if not isinstance(said.body, holds.Hold):
                raise NotDone(f"expected a signed hold, found {said.statement.kind}", 400)
            before = known.custody.kept.get(document.name)
            why = holds.against(
                said.body,
                before.value if before is not None else None,
                self.name,
                known.roster(),
                {ir.intent: ir for ir in known.irs()},
            )
            if why is not None:
                raise NotDone(why, 409)
            await self.correspondence.hear(site, said)
            return {"hold": said.body.name, "lifted": said.body.lifted}

    async def _pause_as_guest(self, place: ManagerSite, raw: bytes) -> dict[str, Any]:
        """What an operator of a guest holds is the guest's own word there: the site knows its key, and not theirs."""
        try:
            said = open_sealed(decode(raw, Sealed), place.site, self._operators.get, self._verifier)
        except (msgspec.DecodeError, Refused) as error:
            raise NotDone(f"not a statement of an operator of {self.name}: {error}", 403) from error
        if not isinstance(said.body, holds.Hold) or not holds.may_hold(self.name, said.body, place.roster()):
            raise NotDone(
                f"at site {place.site} {self.name} is a guest: it may pause what it owns, and nothing else", 403
            )
        before = place.custody.kept.get(said.body.document)
        known = before.value if before is not None else None
        why = holds.against(said.body, known, self.name, place.roster(), {ir.intent: ir for ir in place.irs()})
        if why is not None:
            raise NotDone(why)
        await self.correspondence.say({place.site: (said.body,)})
        return {"hold": said.body.name, "lifted": said.body.lifted}

    # --- what that means for a site -------------------------------------------------------------------------------

    def _founded(self, name: str) -> ManagerSite:
        """A site that nobody has joined yet."""
        roster = Roster(
            site=name,
            version=1,
            predecessor="",
            manager=self.name,
            manager_key=self._public_key,
            members={},
            operators=self._operators_of_all(),
        )
        return self.correspondence.found(roster)

    def _words_for(
        self,
        site: ManagerSite,
        place: Site | None,
        catalogue: Catalogue,
        intents: Mapping[str, Intent],
        named: frozenset[str],
    ) -> tuple[Any, ...]:
        """The documents of a site that an act changes, each a generation above the one in force; nothing yet if the
        site is still to be heard (J4)."""
        if not site.may_speak:
            return ()
        applied = issuing.Applied(
            place=place,
            catalogue=catalogue,
            text=dump(catalogue.manifests()),
            intents=intents,
            local={name: intent for (at, name), intent in self.local_intents.items() if at == site.site},
            named=named,
        )
        return issuing.words_for(site.held(), applied, expressions=self._expressions, owner=self.name)

    def _named(self, given: Iterable[Manifest]) -> frozenset[str]:
        """The documents that these manifests are about."""

        def name(manifest: Manifest) -> str:
            if isinstance(manifest, Intent):
                return f"intent/{self.name}/{manifest.metadata.name}"
            return "site" if isinstance(manifest, Site) else "catalogue"

        return frozenset(name(manifest) for manifest in given)

    # --- what was handed in at a site -----------------------------------------------------------------------------

    def _translated_here(self, text: str) -> IntermediateRepresentation:
        """What an operator handed in at a site, looked up in the catalogue here. Raises ValueError."""
        documents = load(text, "intent")
        check(documents, self.catalogue, self._expressions)
        intent = documents[0].manifest
        if len(documents) != 1 or not isinstance(intent, Intent):
            raise ValueError(f"expected one Intent and nothing else, found {len(documents)} documents")
        return translate(intent, self.catalogue, expressions=self._expressions, owner=self.name, generation=1)

    def _adopted(self, site: str, text: str) -> Applied:
        manifest = load(text, "intent")[0].manifest
        kept = Applied(kind="Intent", name=f"{site}/{identity(manifest)}", text=dump([manifest]))
        self._remember(kept, manifest)
        return kept


def _change(before: str | None, now: str) -> str:
    if before is None:
        return "created"
    return "unchanged" if before == now else "changed"
