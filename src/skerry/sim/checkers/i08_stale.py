"""I8: a message that is malformed, forged, replayed or stale changes nothing.

What is malformed or forged must not reach the core at all, and a manager keeps no entry that its author did not write,
whoever hands it on. What a life of an agent has already heard word for word must
leave every machine as it was; judged when nothing else is due at that moment, since time alone may move a machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from skerry.core.actors.manager import ManagerEvent, SiteSaid
from skerry.core.conversation import Heard
from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.journal.chain import ENTRY_PREFIX
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.effects import Effects, Persist, Put
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode, encode
from skerry.inputlog.state import state_of
from skerry.sim.checkers.checker import Checker
from skerry.sim.trace import manager_state

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


VERSIONED = ("role_fit", "plan", "ir", "roster", "site", "catalogue", "verdict", "entry", "fold", "acknowledged")
"""What is carried by many, and judged by its version (I10): refused once, it may be just right later."""
WORDS = ("hold", "declared_dead", "living")
"""What is judged by the rights that a roster gives, or next to what lapses with them: refused under one roster, it may
be right under the next."""


class Stale(Checker):
    """Remembers what each life has heard."""

    property_id = "I8"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._lives: dict[str, tuple[object, int]] = {}
        """To each machine the life that it heard something in last, and the bit that stands for it."""
        self._heard: defaultdict[bytes, int] = defaultdict(int)
        """To each signature, of words with the roster that was held, the lives that have heard it."""
        self._births = 0
        self._before: tuple[bytes, str] | None = None
        self._asked: set[bytes] = set()
        """Signatures of the questions that this life of the manager has heard."""
        self._asked_life: object = None
        self._asked_before: bytes | None = None
        self._written: dict[str, set[bytes]] = defaultdict(set)
        """Every entry of every journal, as its author's own disk took it."""

    def on_refused(self, machine: Machine, payload: bytes, why: str) -> None:
        """The shell kept it out."""
        self.premise()

    def before_step(self, shell: Shell, given: Input[Any]) -> None:
        """Has this life heard it before?"""
        self._before = None
        if not isinstance(given.event, Heard):
            return
        sealed = given.event.said.sealed
        if sealed.signature in self.world.adversary.forged:
            self.broken(f"a forged {given.event.said.statement.kind} reached the core of {shell.machine.name}")
        if given.event.said.statement.kind in VERSIONED:
            return
        bit, key = self._bit_of(shell), sealed.signature
        if given.event.said.statement.kind in WORDS:
            key += encode(shell.agent.picture.roster().version)
        if not self._heard[key] & bit:
            self._heard[key] |= bit
            return
        due_ms = shell.agent.next_deadline_ms()
        if due_ms is None or due_ms > given.at_ms:
            self._before = (state_of(shell.agent.machines), given.event.said.statement.kind)

    def _bit_of(self, shell: Shell) -> int:
        life, bit = self._lives.get(shell.machine.name, (None, 0))
        if life is not shell:
            self._births += 1
            bit = 1 << self._births
            self._lives[shell.machine.name] = (shell, bit)
        return bit

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Then nothing has changed; and nobody took what its signer may not say."""
        if self.world.adversary.overstepping and isinstance(given.event, Heard):
            name = shell.machine.name
            for document in shell.agent.picture.custody.kept.values():
                if document.sealed.signature in self.world.adversary.overstepping:
                    self.broken(f"{name} took {document.name} as its author {document.author} never said it")
        if self._before is None:
            return
        self.premise()
        before, kind = self._before
        if effects.persist or effects.act:
            self.broken(
                f"a {kind} that {shell.machine.name} had already heard makes it do {effects.persist or effects.act}"
            )
        if state_of(shell.agent.machines) != before:
            self.broken(f"a {kind} that {shell.machine.name} had already heard changes its state")

    # --- the manager ----------------------------------------------------------------------------------------------

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """What a node itself writes is what it said."""
        own = f"{ENTRY_PREFIX}{machine.name}/"
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(own):
                self._written[change.key].add(change.value)

    def before_manager_persist(self, changes: Sequence[Persist]) -> None:
        """The manager keeps nothing else, and no document of somebody who may not say it."""
        overstepping = self.world.adversary.overstepping
        for change in changes:
            if not isinstance(change, Put):
                continue
            doubled = decode(change.value, Sealed).signature in self.world.doubled if _is_entry(change) else False
            if _is_entry(change) and not doubled and change.value not in self._written[change.key]:
                self.broken(f"the manager keeps {change.key}, which its author never wrote so")
            if change.key.startswith(DOCUMENT_PREFIX) and decode(change.value, Sealed).signature in overstepping:
                self.broken(f"the manager took {change.key} as its author never said it")

    def before_manager_step(self, given: Input[ManagerEvent]) -> None:
        """Has this life of the manager been asked this before?"""
        self._asked_before = None
        site = self.world.manager.site
        if site is not self._asked_life:
            self._asked_life, self._asked = site, set()
        if not isinstance(given.event, SiteSaid) or site is None:
            return
        sealed = given.event.said.sealed
        if sealed.signature in self.world.adversary.forged:
            self.broken(f"a forged {given.event.said.statement.kind} reached the core of the manager")
        if not isinstance(given.event.said.body, Question) or given.event.said.statement.signer != given.event.node:
            return  # one that comes by another's session is not heard at all
        if sealed.signature in self._asked:
            self._asked_before = manager_state(site)
        self._asked.add(sealed.signature)

    def after_manager_step(self, given: Input[ManagerEvent], effects: Effects) -> None:
        """Then it neither answers nor changes."""
        if self._asked_before is None:
            return
        self.premise()
        site = self.world.manager.site
        if effects.persist or effects.instruct or site is None or manager_state(site) != self._asked_before:
            self.broken("the manager answers a question that it had already heard")


def _is_entry(change: Put) -> bool:
    return change.key.startswith(ENTRY_PREFIX)
