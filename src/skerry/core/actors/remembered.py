"""What a manager reads in the journal of a site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from skerry.core.group.journal.chain import Chain, body_of
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry, Fold, Folded
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.history.model import ASSIGNED, USED, Life, Reading
from skerry.core.stages.ir.model import Roster


def pieces(journal: Journal) -> Iterator[tuple[Statement, Entry | Fold]]:
    """All that is held, chain by chain."""
    for chain in sorted(journal.chains):
        for sealed in journal.entries(chain, 0):
            statement = decode(sealed.statement, Statement)
            yield statement, body_of(statement)


def readings(journal: Journal, rosters: Iterable[Roster] = ()) -> list[Reading]:
    """All that it says for an account, chain by chain; and what nodes that were taken out can have told of no more."""
    found = [
        Reading(
            node=statement.signer,
            life=statement.life,
            number=statement.number,
            what=said.what,
            about=said.about,
            data=said.data,
            wall_ms=said.wall_ms,
            count=said.count if isinstance(said, Folded) else 1,
        )
        for statement, body in pieces(journal)
        for said in ((body,) if isinstance(body, Entry) else body.readings)
        if said.what in USED
    ]
    return [*found, *_untold(journal, found, _removals(rosters))]


def _untold(journal: Journal, told: Iterable[Reading], removed: Mapping[str, int]) -> Iterator[Reading]:
    """Roles that such a node was given, by the entries of those who committed the plans, and of which it says nothing
    from then on. By its last entry that is here it had not begun (J1)."""
    if not removed:
        return
    given: dict[tuple[str, str], int] = {}
    last: dict[str, int] = {}
    for statement, body in pieces(journal):
        walls = (body.wall_ms,) if isinstance(body, Entry) else (said.wall_ms for said in body.readings)
        last[statement.signer] = max(last.get(statement.signer, 0), *walls, 0)
        if isinstance(body, Entry) and body.what == "plan.committed":
            for instance, holder in _assigned(body):
                given[holder, instance] = max(given.get((holder, instance), 0), body.wall_ms)
    since: dict[tuple[str, str], int] = {}
    for reading in told:
        since[reading.node, reading.about] = max(since.get((reading.node, reading.about), -1), reading.wall_ms)
    for (node, instance), wall_ms in sorted(given.items()):
        from_ms = max(wall_ms, last.get(node, 0))
        if node in removed and since.get((node, instance), -1) < wall_ms and from_ms < removed[node]:
            yield Reading(node=node, life="", number=0, what=ASSIGNED, about=instance, data={}, wall_ms=from_ms)


def _assigned(committed: Entry) -> Iterator[tuple[str, str]]:
    """Instance and holder, of every slot of a plan that was filled by it."""
    assigned = committed.data.get("assigned")
    for slot, how in assigned.items() if isinstance(assigned, dict) else ():
        holder = how.get("holder") if isinstance(how, dict) else None
        if isinstance(holder, str):
            yield str(slot).partition(" (")[0], holder


def lives(journal: Journal, rosters: Iterable[Roster], now_wall_ms: int) -> dict[tuple[str, str], Life]:
    """Of each life (node, life) how far its end is known (H3), by the wall clocks of those who wrote of it (H4)."""
    removed = _removals(rosters)
    begun: dict[str, list[tuple[int, Chain]]] = {}
    for chain in journal.chains.values():
        begun.setdefault(chain.name.rpartition("/")[0], []).append((_begun_wall_ms(chain), chain))
    found = {(node, ""): Life(over_wall_ms=wall_ms) for node, wall_ms in removed.items()}
    for node, chains in begun.items():
        over_wall_ms, following = removed.get(node, now_wall_ms), ""
        for began_wall_ms, chain in sorted(chains, key=lambda one: (one[0], one[1].name), reverse=True):
            found[node, chain.name.rpartition("/")[2]] = Life(
                over_wall_ms=over_wall_ms, whole=following != "" and following == chain.hash, lost=chain.base.lost
            )
            over_wall_ms = min(over_wall_ms, began_wall_ms)
            following = chain.recent[0].before if chain.recent else ""
    return found


def _begun_wall_ms(chain: Chain) -> int:
    """By when a life had begun: it had written the first of its entries that are here."""
    if not chain.recent:
        return 0
    body = body_of(decode(chain.recent[0].sealed.statement, Statement))
    return body.wall_ms if isinstance(body, Entry) else min((said.wall_ms for said in body.readings), default=0)


def _removals(rosters: Iterable[Roster]) -> Mapping[str, int]:
    """When each node that belonged once was taken out."""
    found: dict[str, int] = {}
    for roster in sorted(rosters, key=lambda one: one.version):
        found |= {node: roster.wall_ms for node in roster.former if node not in found}
    return found
