"""A member that says one thing to some and another to others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from skerry.core.conversation import kind_of
from skerry.core.group.custody.model import Carry
from skerry.core.group.journal.chain import piece_key
from skerry.core.group.journal.model import Entry, chain_name
from skerry.core.kernel.sealing import Sealed, Statement, seal
from skerry.core.kernel.values import decode, encode
from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

End = Callable[[], None]


def equivocates(world: World, chance: Chance) -> End | None:
    """Somebody who has a node's key, a clone of the machine say, writes another first entry in its life, and everybody
    hears it (J1, interleaving 10). Everybody has the real one: else nobody could say which of them is that."""
    able = [machine for machine in world.machines.values() if machine.answers and _first_is_everywhere(world, machine)]
    if not able:
        return None
    machine = chance.pick(able)
    payload = _another_first_entry(world, machine)
    for other in world.machines.values():
        if other.answers:
            other.receive(payload)
    return _nothing


def _first_is_everywhere(world: World, machine: Machine) -> bool:
    key = _first_key(machine)
    return key in world.manager.store and all(key in other.disk for other in world.machines.values())


def _first_key(machine: Machine) -> str:
    assert machine.shell is not None
    return piece_key(machine.shell.agent.journal.own_chain, 1)


def _another_first_entry(world: World, machine: Machine) -> bytes:
    real = decode(decode(machine.disk[_first_key(machine)], Sealed).statement, Statement)
    entry = msgspec.structs.replace(decode(real.body, Entry), about="somebody else")
    other = seal(machine.signer, msgspec.structs.replace(real, body=encode(entry)))
    world.doubled[other.signature] = chain_name(machine.name, real.life)
    carry = Carry(items=(other,))
    statement = Statement(
        kind=kind_of(carry), site=world.site, signer=machine.name, life=real.life, number=0, body=encode(carry)
    )
    return encode(seal(machine.signer, statement))


def _nothing() -> None:
    """What was said was said."""
