"""What the members of a settled site, its manager and its operators say: the fuzzers start from that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from skerry.core.conversation import Leave, kind_of
from skerry.core.group.custody.model import Later
from skerry.core.group.election.wire import AskHandOver, HandOver, HandOverWanted
from skerry.core.group.granting.model import DeclaredDead, Living
from skerry.core.group.granting.wire import GrantRelease
from skerry.core.group.journal.chain import Chain
from skerry.core.group.journal.model import Entry, Fold, chain_name
from skerry.core.group.succession.model import Closing
from skerry.core.kernel.ids import GrantKey, NodeId
from skerry.core.kernel.sealing import Statement, seal
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.intent.events import LocalIntent
from skerry.core.stages.intent.holds import Hold
from tests.fuzzing.site import ME, PEER, agent_of, world

FRESH = 1_000_000
"""A number that no statement of the world has reached."""
OPERATOR = "ann"
FOLDED = 3
DEAD = NodeId("n3")


@cache
def said() -> Mapping[str, tuple[tuple[str, bytes], ...]]:
    """To each kind of statement who made some, and their bodies."""
    found: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for (kind, signer, _), body in sorted(world().said.items()):
        found[kind].append((signer, _going_on(signer, body) if kind == "entry" else body))
    for signer, word in _seldom():
        found[kind_of(word)].append((signer, encode(word)))
    return {kind: tuple(words) for kind, words in sorted(found.items())}


def _going_on(signer: str, body: bytes) -> bytes:
    """An entry again, as the next of its chain."""
    return encode(msgspec.structs.replace(decode(body, Entry), predecessor=_chain(signer).hash))


def _seldom() -> Iterator[tuple[str, Any]]:
    """What a settled site has no occasion for."""
    agent, peer = agent_of(ME), NodeId(PEER)
    term, counting = agent.election.leadership.term, agent.succession.counting
    chain, intents = _chain(PEER), world().book.texts
    yield ME, HandOver(term=term, to=peer)
    yield PEER, AskHandOver(term=term, to=peer, reaches=3)
    yield PEER, GrantRelease(number=FRESH, keys=tuple(GrantKey(key) for key in agent.granting.fences))
    yield PEER, Fold(first=chain.head + 1, before=chain.hash, last="0" * 16, readings=(), dropped=FOLDED)
    yield PEER, Closing(node=peer, base=counting, through=counting, successor="", promises={}, fences={})
    yield PEER, Living(node=peer, generation=1)
    yield PEER, Later(place=0, version=1, kind="weather", said=b"rain")
    yield from ((name, Leave(node=NodeId(name))) for name in (ME, PEER))
    yield OPERATOR, DeclaredDead(node=DEAD, generation=1)
    yield OPERATOR, HandOverWanted(term=term, to=peer)
    yield from ((OPERATOR, LocalIntent(manifests=text)) for text in intents.values())
    for subject in (PEER, *map(str, agent.picture.irs())):
        yield OPERATOR, Hold(what="drain" if subject == PEER else "pause", subject=subject, place=ME, number=1)


def statement(kind: str, body: bytes, signer: str, *, forged: bool = False) -> bytes:
    """What a signer would say now; forged: with a key that is not theirs. A piece of a journal is the next of it."""
    number = {"entry": 1, "fold": FOLDED}.get(kind)
    sealed = seal(
        _key_of("n3" if signer != "n3" else PEER) if forged else _key_of(signer),
        Statement(
            kind=kind,
            site=world().site,
            signer=signer,
            life=_life_of(signer),
            number=FRESH if number is None else _chain(signer).head + number,
            body=body,
        ),
    )
    return encode(sealed)


def _key_of(signer: str) -> Any:
    machine, operators = world().machines.get(signer), world().manager.office.signers
    return machine.signer if machine is not None else operators.get(signer, world().manager.signer)


def _life_of(signer: str) -> str:
    return agent_of(signer).identity.life if signer in world().machines else "-"


def _chain(signer: str) -> Chain:
    name = chain_name(signer, _life_of(signer))
    return agent_of(ME).journal.chains.get(name) or Chain(name=name)
