"""What a manager reads in the journal of a site."""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.group.journal.chain import body_of
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry, Fold, Folded
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.history.model import USED, Reading


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
