"""L, C1, M2: who leads whom, who is there, and whether the site is cut off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from skerry.core.group.election.machine import Election
from skerry.core.group.membership.machine import Membership, _Peer
from skerry.core.group.uplink.machine import Uplink
from skerry.core.kernel.effects import NOTHING
from skerry.sim.options import Options
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import cut_off, halves, haunted, reconnecting, restarting


def _vote_is_not_persisted(patch: Patch) -> None:
    persist = Election._persist_follow
    patch.setattr(
        Election, "_persist_follow", lambda self, follow: msgspec.structs.replace(persist(self, follow), persist=())
    )


def _vote_is_forgotten(patch: Patch) -> None:
    recover = Election.recover
    patch.setattr(Election, "recover", classmethod(lambda cls, me, kept, at_ms: recover(me, None, at_ms)))


def _leaders_do_not_merge(patch: Patch) -> None:
    patch.setattr(Election, "_must_call_again", lambda self, view: False)
    patch.setattr(Election, "_not_yet_following", lambda self, at_ms, view: [])


def _old_lives_are_believed(patch: Patch) -> None:
    """Any other life of a peer is taken for its newest: one replayed beat, and the living one is never heard."""
    hear = Membership._hear

    def trusting(self: Membership, heard: Any, at_ms: int, view: Any) -> None:
        node, life = heard.statement.signer, heard.statement.life
        peer = self._peers.get(node)
        if peer is not None and life != peer.life and life not in peer.past_lives:
            past = (*peer.past_lives, peer.life)
            self._peers[node] = _Peer(life=life, past_lives=past, token_gone=peer.token_gone)
        hear(self, heard, at_ms, view)

    patch.setattr(Membership, "_hear", trusting)


def _isolation_is_never_declared(patch: Patch) -> None:
    patch.setattr(Uplink, "_due_mode", lambda self, manager, at_ms, view: "connected")


def drained(options: Options) -> Options:
    """An operator drains one node after the other, for longer than a hand-over takes."""
    return replace(
        reconnecting(options),
        faults=("operator.drains",),
        fault_gap_max_ms=25_000,
        fault_lengths_ms=((60_000, 90_000),),
        safety_ms=50_000,
    )


def _nobody_hands_over(patch: Patch) -> None:
    patch.setattr(Election, "_maybe_hand_over", lambda self, at_ms, view: NOTHING)


SABOTAGES = (
    Sabotage(name="L1: a vote is not persisted", plant=_vote_is_not_persisted, noticed_by=("I1",)),
    Sabotage(name="L1: a vote is forgotten", plant=_vote_is_forgotten, noticed_by=("I1", "I10"), shape=restarting),
    Sabotage(
        name="L5: leaders do not merge",
        plant=_leaders_do_not_merge,
        seeds_known=(7,),
        noticed_by=("I12", "I11"),
        shape=halves,
    ),
    Sabotage(name="L6: nobody hands over", plant=_nobody_hands_over, noticed_by=("L6",), shape=drained),
    Sabotage(
        name="C1: old lives are believed",
        plant=_old_lives_are_believed,
        seeds_known=(125, 122),
        noticed_by=("U7", "I12"),  # whom a replay is taken for is lost to its peers at once
        shape=haunted,
    ),
    Sabotage(
        name="M2: isolation is never declared", plant=_isolation_is_never_declared, noticed_by=("M2",), shape=cut_off
    ),
)
