"""What a member's statement is for a manager, each piece of it verified by itself (N6)."""

from __future__ import annotations

from functools import partial

import msgspec

from skerry.core.actors.manager import ItemRefused, ManagerEvent, SiteSaid
from skerry.core.conversation import Exchange, OfAStranger, Refused, key_in, open_sealed, with_proof
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed, Statement, Verified, Verifier
from skerry.core.kernel.values import decode
from skerry.core.stages.ir.model import Roster


def opened_events(node: NodeId, payload: bytes, site: str, roster: Roster, verifier: Verifier) -> list[ManagerEvent]:
    """What it carries, then itself, so that all of it is kept before it is answered. Raises `Refused` for the statement
    itself, `DecodeError`."""
    sealed, key_of = decode(payload, Sealed), partial(key_in, roster)
    try:
        said = open_sealed(sealed, site, key_of, verifier)
    except OfAStranger:
        newer = _newer_roster(sealed, site, roster, verifier)
        if newer is None:
            raise
        return [SiteSaid(node=node, said=newer), *opened_events(node, payload, site, newer.body, verifier)]
    events: list[ManagerEvent] = []
    if node in roster.former:
        return [SiteSaid(node=node, said=said)]
    for item in decode(said.body.carried, Exchange).items if isinstance(said.body, Question) else ():
        try:
            carried = open_sealed(item, site, key_of, verifier)
            events += [SiteSaid(node=node, said=one) for one in with_proof(carried, site, key_of, verifier)]
        except Refused as refused:
            events.append(ItemRefused(node=node, sealed=item, why=str(refused)))
    return [*events, SiteSaid(node=node, said=said)]


def _newer_roster(sealed: Sealed, site: str, roster: Roster, verifier: Verifier) -> Verified[Roster] | None:
    """A guest learns from whoever has joined since that they have: a roster bears its author's signature, and may come
    by anybody's hand (D25)."""
    statement = decode(sealed.statement, Statement)
    try:
        items = decode(decode(statement.body, Question).carried, Exchange).items
    except msgspec.DecodeError:
        return None  # it says something else than a question
    for item in items:
        try:
            said = open_sealed(item, site, lambda s: roster.manager_key if s == roster.manager else None, verifier)
        except (Refused, msgspec.DecodeError):
            continue
        if isinstance(said.body, Roster) and said.body.version > roster.version:
            return said
    return None
