"""What passes between a manager and its sites: one act at a time, each durable before any of it leaves (J3).

A site whose last act could not be kept, or was broken off, is doubted and loaded again, so that memory never knows more
than the store. Messages of sites wait in a bounded inbox; what does not fit is lost, counted, and said again by its
sender.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from skerry.adapters.store.store import Applied, Store, StoreError
from skerry.api.refusing import NotDone, check_speaks
from skerry.core.actors.handed_in import HandedIn, Translate
from skerry.core.actors.hearing import opened_events
from skerry.core.actors.inbox import Inbox
from skerry.core.actors.manager import Authored, ManagerEvent, ManagerSite, SiteSaid
from skerry.core.conversation import Refused, kind_of, life_from, stored_documents
from skerry.core.group.custody.model import Kept
from skerry.core.kernel.effects import Effects, Note, Put
from skerry.core.kernel.ids import ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Signer, Statement, Verified, Verifier, seal
from skerry.core.kernel.values import encode
from skerry.core.stages.ir.model import Roster
from skerry.ports.transport import Hub
from skerry.shell import clock, entropy
from skerry.shell.events import EventStream
from skerry.shell.supervisor import Supervisor

WAITING_MAX = 1_000
"""Messages of sites that wait for their turn."""

Adopt = Callable[[str, str], Applied]
"""How manifests that were handed in at a site, and taken over, are kept: (site, text)."""
Due = Callable[[str], Iterable[Any]]
"""What a site is to be told that had to wait until it was heard (J4)."""
Trust = Callable[[Iterable[str]], None]
"""Lets nodes in whose certificates are of these authorities, PEM, beside this manager's own; counts from when the hub
opens next."""
AUTHORITY_KEY = "authority"
"""Under which the store keeps who vouches for the nodes of a site that this manager is a guest at."""


class Correspondence:
    """One manager's dealings with all of its sites, those that it is a guest at among them."""

    def __init__(
        self,
        *,
        name: str,
        store: Store,
        hub: Hub,
        signer: Signer,
        verifier: Verifier,
        translate: Translate,
        adopt: Adopt,
        due: Due,
        trust: Trust,
    ) -> None:
        self.name = ManagerId(name)
        self.store = store
        self.sites: dict[str, ManagerSite] = {}
        self.stream = EventStream(name)
        self._lost = 0
        self._hub = hub
        self._signer = signer
        self._verifier = verifier
        self._translate = translate
        self._adopt = adopt
        self._due = due
        self._trust = trust
        self._authorities: dict[str, str] = {}
        self._turn = asyncio.Lock()
        self._doubted: set[str] = set()
        self._heard: set[str] = set()
        """Those that this process may speak to, by what its store has (J4)."""
        self._inputs = 0
        self._life = life_from(entropy.draw())
        self._said = 0
        self._waiting: Inbox[tuple[str, NodeId]] = Inbox(WAITING_MAX)
        self._came = asyncio.Event()
        self._supervisor = Supervisor(asyncio.Event())

    async def open(self, failed: asyncio.Event) -> None:
        """Load all sites and listen; `failed` is set if a defect ends the work, and `failure` says which. The store is
        open already. Raises `StoreError`, `TransportError`."""
        self._supervisor = Supervisor(failed)
        for site, kept in (await self.store.sites()).items():
            self.sites[site] = self._recovered(site, kept)
            if AUTHORITY_KEY in kept:
                self._authorities[site] = kept[AUTHORITY_KEY].decode()
        self._trust(self._authorities.values())
        self._hub.on_message(self._on_payload)
        await self._hub.admit(sorted(self.sites))
        await self._hub.open()
        self._supervisor.start(self._serve(), "sites")

    @property
    def failure(self) -> BaseException | None:
        """What ended the work, if something did."""
        return self._supervisor.failure

    async def close(self) -> None:
        """Stop listening, end what is on its way."""
        await self._hub.close()
        await self._supervisor.close()

    # --- acting ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[None]:
        """One act at a time, on sites that are as the store has them. Raises `StoreError`."""
        async with self._turn:
            await self._reload()
            try:
                yield
            finally:
                with suppress(StoreError):  # then before the next act, which fails if it still cannot be read
                    await self._reload()

    async def _reload(self) -> None:
        for site in sorted(self._doubted):
            kept = await self.store.site(site)
            if kept:
                self.sites[site] = self._recovered(site, kept)
            else:
                self.sites.pop(site, None)
            self._doubted.discard(site)

    def at_home(self, site: str) -> ManagerSite:
        """A site of which this manager is the home, and may speak to. Raises `NotDone`."""
        place = self.sites.get(site)
        if place is None:
            raise NotDone(f"there is no site {site!r}; known: {', '.join(sorted(self.sites)) or 'none'}", 404)
        if not place.is_home:
            raise NotDone(f"{place.roster().manager} is the home manager of site {site}: that is its business")
        check_speaks(place)
        return place

    async def visit(self, site: str, told: list[Kept], authority: str) -> None:
        """Be a guest at a site, by what its home manager told, and let in the nodes that this authority vouches for.
        Within `acting()`. Raises `StoreError`, `TransportError`."""
        visited = ManagerSite.visit(site, self.name, self._signer, self._handed_in(site), told)
        persist = (*visited.founding(), Put(key=AUTHORITY_KEY, value=authority.encode()))
        await self.store.commit({site: persist}, (), clock.wall_ms())
        self.sites[site], self._authorities[site] = visited, authority
        self._trust(self._authorities.values())
        await self._hub.admit(sorted(self.sites))

    def found(self, roster: Roster) -> ManagerSite:
        """A site that nobody has joined yet; it counts once something was said to it."""
        return ManagerSite.found(roster, self._signer, self._handed_in(roster.site))

    async def say(
        self,
        words: Mapping[str, Iterable[Any]],
        *,
        new: Mapping[str, ManagerSite] | None = None,
        applied: Iterable[Applied] = (),
        forgotten: Iterable[tuple[str, str]] = (),
        token: str | None = None,
    ) -> None:
        """The manager's own words for its sites, and for `new` ones, with what is kept beside them: all or nothing.
        Within `acting()`. Raises `StoreError`, `TransportError`."""
        self._doubted |= {*words, *(new or {})}
        self.sites.update(new or {})
        said = {site: tuple(documents) for site, documents in words.items()}
        done = {s: [self._step(s, Authored(documents=one))] if one else [] for s, one in said.items()}
        await self._keep(done, applied, forgotten, token)
        self._doubted -= {*words, *(new or {})}
        if new:
            await self._hub.admit(sorted(self.sites))

    async def hear(self, site: str, said: Verified[Any]) -> None:
        """What an operator signed for a site and handed in here. Within `acting()`. Raises `StoreError`."""
        self._doubted.add(site)
        await self._keep({site: [self._step(site, SiteSaid(node=NodeId(self.name), said=said))]})
        self._doubted.discard(site)

    async def _keep(
        self,
        done: Mapping[str, list[Effects]],
        applied: Iterable[Applied] = (),
        forgotten: Iterable[tuple[str, str]] = (),
        token: str | None = None,
    ) -> None:
        """Make durable what these steps decided, then do the rest of it. Raises `StoreError`."""
        adopted = [self._adopt(site, text) for site in done for text in self.sites[site].handed_in.taken()]
        manifests = (*applied, *adopted)
        changes = {
            site: (*self.sites[site].founding(), *(change for effects in steps for change in effects.persist))
            for site, steps in done.items()
        }
        if any(changes.values()) or manifests or forgotten or token:
            await self.store.commit(changes, manifests, clock.wall_ms(), forgotten=forgotten, token=token)
        self._heard |= {site for site in done if self.sites[site].may_speak}
        for site, steps in done.items():
            for effects in steps:
                self._tell(site, effects)

    def _recovered(self, site: str, kept: Mapping[str, bytes]) -> ManagerSite:
        heard, handed_in = site in self._heard, self._handed_in(site)
        try:
            opened = stored_documents(kept, site, self._verifier)
            return ManagerSite.recover(site, self.name, self._signer, handed_in, kept, opened, heard=heard)
        except (Refused, msgspec.DecodeError) as error:
            raise StoreError(f"what is kept of {site} is damaged ({error}); put the store back to a backup") from error

    def _handed_in(self, site: str) -> HandedIn:
        return HandedIn(site=site, verifier=self._verifier, translate=self._translate)

    # --- listening ------------------------------------------------------------------------------------------------

    @property
    def lost(self) -> int:
        """Messages that could not be sent or taken, or came while too many waited."""
        return self._lost + self._hub.lost

    def _on_payload(self, site: str, node: NodeId, payload: bytes) -> None:
        if self._waiting.put((site, node), payload):
            self._came.set()
        else:
            self._lost += 1

    async def _serve(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            while self._waiting:
                (site, node), payload = self._waiting.take()
                await self._take(site, node, payload)

    async def _take(self, site: str, node: NodeId, payload: bytes) -> None:
        """A statement of a site's member, with what it carries: verified, kept, then answered."""
        try:
            async with self.acting():
                if site not in self.sites:
                    return
                events = opened_events(node, payload, site, self.sites[site].roster(), self._verifier)
                waited = not self.sites[site].may_speak
                self._doubted.add(site)
                await self._keep({site: [self._step(site, event) for event in events]})
                self._doubted.discard(site)
                if waited and self.sites[site].may_speak:
                    await self.say({site: self._due(site)})
        except (Refused, msgspec.DecodeError) as refused:
            self._note(site, Note(what="statement.refused", about=node, data={"why": str(refused)}), "")
        except StoreError as error:  # not acknowledged, so the site says it again
            self._note(site, Note(what="store.failed", data={"why": str(error)}), "")

    # --- stepping and telling -------------------------------------------------------------------------------------

    def _step(self, site: str, event: ManagerEvent) -> Effects:
        self._inputs += 1
        given = Input(
            id=f"{self.name}-{self._inputs}",
            at_ms=clock.boot_ms(),
            wall_ms=clock.wall_ms(),
            draw=entropy.draw(),
            event=event,
        )
        return self.sites[site].step(given)

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
