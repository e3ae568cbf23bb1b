"""I8: a message that is malformed, forged, replayed or stale changes nothing.

What is malformed or forged must not reach the core at all. What a life of an agent has already heard word for word must
leave every machine as it was; judged when nothing else is due at that moment, since time alone may move a machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.conversation import Heard
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.sim.checkers.checker import Checker
from skerry.sim.trace import state_of

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


VERSIONED = ("role_fit", "plan", "ir", "roster", "site", "entry")
"""What is carried by many, and judged by its version (I10): refused once, it may be just right later."""


class Stale(Checker):
    """Remembers what each life has heard."""

    property_id = "I8"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._heard: dict[str, tuple[object, set[bytes]]] = {}
        self._before: tuple[bytes, str] | None = None

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
        life, heard = self._heard.get(shell.machine.name, (None, set()))
        if life is not shell:
            heard = set()
            self._heard[shell.machine.name] = (shell, heard)
        if given.event.said.statement.kind in VERSIONED:
            return
        if sealed.signature not in heard:
            heard.add(sealed.signature)
            return
        due_ms = shell.agent.next_deadline_ms()
        if due_ms is None or due_ms > given.at_ms:
            self._before = (state_of(shell.agent.machines), given.event.said.statement.kind)

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
