"""What a manager reads in the journal of a site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from skerry.core.group.journal.chain import Chain, body_of
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry, Fold, Folded
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.history.model import USED, Life, Reading
from skerry.core.stages.ir.model import Roster


def pieces(journal: Journal) -> Iterator[tuple[Statement, Entry | Fold]]:
    """All that is held, chain by chain."""
    for chain in sorted(journal.chains):
        for sealed in journal.entries(chain, 0):
            statement = decode(sealed.statement, Statement)
            yield statement, body_of(statement)


def readings(journal: Journal) -> list[Reading]:
    """All that it says for an account, chain by chain."""
    return [
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


def lives(journal: Journal, rosters: Iterable[Roster], now_wall_ms: int) -> dict[tuple[str, str], Life]:
    """Of each life (node, life) how far its end is known (H3), by the wall clocks of those who wrote of it (H4)."""
    removed = _removals(rosters)
    begun: dict[str, list[tuple[int, Chain]]] = {}
    for chain in journal.chains.values():
        begun.setdefault(chain.name.rpartition("/")[0], []).append((_begun_wall_ms(chain), chain))
    found: dict[tuple[str, str], Life] = {}
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
