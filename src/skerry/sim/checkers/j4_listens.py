"""J4: after each start the manager gives a site no new word before it has all of its own that some member has told of,
and holds: it may have been put back to a backup, and would give a generation a second time with other content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skerry.core.actors.manager import ManagerEvent, SiteSaid
from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.custody.model import Version
from skerry.core.group.journal.chain import ENTRY_PREFIX
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.effects import Effects, Persist, Put
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class Listens(Checker):
    """Knows every word that the manager ever gave, and of how many its members knew when they asked. A member that lies
    of what it holds is believed."""

    property_id = "J4"
    looks_at = ("effects",)
    of_each_manager = True

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._given: set[bytes] = set()
        """By signature."""
        self._told: dict[tuple[str, str, int], Mapping[str, Version]] = {}
        """To each question (node, life, number) what its sender held of the manager's word."""
        self._life: object = None
        self._has_heard = False

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """A question is about to leave."""
        for report in effects.report:
            if isinstance(report.message, Question) and report.manager == self.manager.name:
                agent = shell.agent
                held = agent.picture.custody.kept.values()
                told = {kept.name: kept.version for kept in held if kept.author == report.manager}
                self._told[agent.identity.node, agent.identity.life, report.message.number] = told

    def after_manager_step(self, given: Input[ManagerEvent], effects: Effects) -> None:
        """A question has arrived: does the manager have by now what its sender had?"""
        site = self.manager.site
        if site is not self._life:  # the process that founds the site has nothing to hear
            self._life, self._has_heard = site, self._life is None and self.manager.is_home
        if site is None or not isinstance(given.event, SiteSaid) or not isinstance(given.event.said.body, Question):
            return
        asked, kept = given.event.said, site.custody.kept
        told = self._told.get((asked.statement.signer, asked.statement.life, asked.body.number), {})  # {}: of a liar
        if all(name in kept and kept[name].version >= version for name, version in told.items()):
            self._has_heard = True

    def before_manager_persist(self, changes: Sequence[Persist]) -> None:
        """A new word is about to be given."""
        manager = self.manager
        for change in changes:
            if not isinstance(change, Put) or not change.key.startswith(DOCUMENT_PREFIX):
                continue
            sealed = decode(change.value, Sealed)
            if decode(sealed.statement, Statement).signer != manager.name or sealed.signature in self._given:
                continue
            self._given.add(sealed.signature)
            if self._knows_of_nobody():
                continue
            self.premise()
            if manager.site is not self._life or not self._has_heard:
                self.broken(f"the manager gives a new word, {change.key}, and has not heard the site since it started")

    def _knows_of_nobody(self) -> bool:
        """Nobody ever said anything: then there is nothing to hear."""
        store, name = self.manager.store, self.manager.name
        documents = (raw for key, raw in store.items() if key.startswith(DOCUMENT_PREFIX))
        signers = {decode(decode(raw, Sealed).statement, Statement).signer for raw in documents}
        return signers <= {name} and not any(key.startswith(ENTRY_PREFIX) for key in store)
