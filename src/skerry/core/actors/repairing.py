"""What another node lacks, as its beat shows it, and is mine to send (C2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from skerry.core.actors.facets import Facets, holdings_by
from skerry.core.actors.picture import Picture
from skerry.core.group.custody.machine import Holdings, packed
from skerry.core.group.custody.model import CARRY_MAX, Version, lacks
from skerry.core.group.journal.machine import Journal
from skerry.core.group.membership.model import Contact
from skerry.core.group.membership.wire import Beat
from skerry.core.group.succession.model import CLOSING_PREFIX
from skerry.core.kernel.effects import Send
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed, Verified


def repair(picture: Picture, said: Verified[Beat]) -> tuple[Send, ...]:
    """What its sender lacks, as a beat shows it."""
    peer = NodeId(said.statement.signer)
    return packed(peer, _lacking(picture, peer, said.body.holdings, picture.agent.journal))


def _lacking(picture: Picture, peer: NodeId, holdings: bytes, journal: Journal) -> list[Sealed]:
    """A member that does not hear me may hold a roster without me, and would refuse anything else of mine (D6a): it
    gets the rosters, which need no trust in me. Or one of us is out of the roster, and has not heard of it; what it has
    closed, it says as long as it is asked."""
    contact = picture.contacts().get(peer)
    if contact is None:
        return _for_a_stranger(picture, holdings_by(holdings))
    theirs = picture.facets.holdings[peer]
    leader = picture.agent.election.leadership.leader
    found = journal.written_twice(peer, contact.life)
    if theirs.documents != picture.digest_of_documents() and theirs.versions is not None:
        found += documents_lacking(picture, peer, theirs.versions, leader)
    if theirs.entries == picture.digest_of_entries():
        picture.in_step_ms[peer] = picture.at_ms
    if theirs.wanted is not None:
        for name, number in theirs.wanted.items():
            found += journal.after(name, number)
    if theirs.heads is not None:
        found += entries_lacking(picture, peer, theirs.heads, leader, journal)
    return found


def _for_a_stranger(picture: Picture, theirs: Holdings) -> list[Sealed]:
    """My closing, and rosters; nothing that it holds already: while a site starts all are strangers, and whoever is
    told too much falls behind and stays one."""
    if theirs.documents == picture.digest_of_documents():
        return []
    closing = picture.custody.kept.get(f"{CLOSING_PREFIX}{picture.me}")
    if (
        closing is not None
        and theirs.versions is not None
        and not lacks(theirs.versions, closing.name, closing.version)
    ):
        closing = None
    if picture.me not in picture.roster().members:
        counts = picture.agent.succession.counting == picture.roster().version
        return [closing.sealed] if closing is not None and not counts else []
    rosters = [picture.custody.kept[name].sealed for name in _rosters_for(picture, theirs.versions)]
    return [*([closing.sealed] if closing is not None else []), *rosters]


def _rosters_for(picture: Picture, theirs: dict[str, Version] | None) -> list[str]:
    """What follows the newest that somebody holds; of whom that is not known, the newest, or a row from further back,
    in turn."""
    held = sorted(picture.custody.shelves["roster"].kept)
    if theirs is not None:
        newest = max((name for name in theirs if name.startswith("roster/")), default="")
        return [name for name in held if name > newest][: CARRY_MAX - 1]
    turn = picture.at_ms // 1_000
    start = -CARRY_MAX if turn % 2 else turn // 2 % len(held)
    return held[start:][: CARRY_MAX - 1]


@dataclass(frozen=True)
class _Able(Mapping[NodeId, Mapping[str, Version]]):
    """What each in contact holds that could send it to `peer`: whom `peer` does not hear, or who does not hear it,
    never will. Looked up when asked for: mostly that is a document's author alone, and there may be hundreds of
    others."""

    peer: NodeId
    contacts: dict[NodeId, Contact]
    facets: Facets

    def __getitem__(self, node: NodeId) -> Mapping[str, Version]:
        hears = self.contacts[node].beat.hears
        able = self.peer in hears and node in self.contacts[self.peer].beat.hears
        return (self.facets.holdings[node].versions or {}) if able else {}

    def __contains__(self, node: object) -> bool:
        return node in self.contacts

    def __iter__(self) -> Iterator[NodeId]:
        return iter(self.contacts)

    def __len__(self) -> int:
        return len(self.contacts)


def documents_lacking(
    picture: Picture, peer: NodeId, theirs: dict[str, Version], leader: NodeId | None
) -> list[Sealed]:
    """Of documents, what somebody in contact with these versions lacks, and nobody sends who comes before me."""
    return picture.custody.lacking(peer, theirs, _Able(peer, picture.contacts(), picture.facets), leader)


def entries_lacking(
    picture: Picture, peer: NodeId, theirs: dict[str, int], leader: NodeId | None, journal: Journal
) -> tuple[Sealed, ...]:
    """Of the journal, likewise."""
    mine = [chain for chain in journal.open_heads() if _is_mine_to_copy(picture, chain, peer, theirs, leader)]
    return journal.lacking(theirs, mine)


def _is_mine_to_copy(picture: Picture, chain: str, peer: NodeId, theirs: dict[str, int], leader: NodeId | None) -> bool:
    """My own chain, and as the leader any; others' to the leader, unless one of a lesser name has more of it."""
    if picture.me == leader or chain.startswith(f"{picture.me}/"):
        return True
    if peer != leader:
        return False
    lesser = (picture.facets.holdings[node].heads or {} for node in picture.contacts() if node < picture.me)
    return all(heads.get(chain, 0) <= theirs.get(chain, 0) for heads in lesser)
