"""J, R1: what is remembered, handed on, and judged."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.core.actors.agent import Agent
from skerry.core.actors.judging import Judging
from skerry.core.actors.manager import ManagerSite
from skerry.core.actors.relaying import Relay
from skerry.core.actors.remembered import pieces
from skerry.core.actors.restored import Restored
from skerry.core.group.election.machine import Election
from skerry.core.group.election.model import ElectionView
from skerry.core.group.journal.chain import body_of
from skerry.core.group.journal.forks import Forks
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry
from skerry.core.group.journal.retention import Retaining
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.history import folding
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import cloned, folding_much, forgetful, overseen, put_back


def _the_journal_stays_at_home(patch: Patch) -> None:
    patch.setattr(Journal, "beyond", lambda self, heads, most, told=None: ())


def _acknowledged_and_not_stored(patch: Patch) -> None:
    take = ManagerSite._take_entry
    patch.setattr(ManagerSite, "_take_entry", lambda self, said: msgspec.structs.replace(take(self, said), persist=()))


def _said_and_not_kept(patch: Patch) -> None:
    """A verdict leaves, and is not in the manager's store."""
    say = ManagerSite._say
    patch.setattr(ManagerSite, "_say", lambda self, *args: msgspec.structs.replace(say(self, *args), persist=()))


def _judged_without_evidence(patch: Patch) -> None:
    patch.setattr(Judging, "evidence_missing", lambda self, plan, distrusted, lost: False)


def _verdicts_are_forgotten(patch: Patch) -> None:
    recover = ManagerSite.recover

    def forgetful(cls: Any, *args: Any) -> ManagerSite:
        site = recover(*args)
        site.judging = Judging(site.manager)
        for statement, body in pieces(site.journal):
            site._look_at(statement.signer, body)
        return site

    patch.setattr(ManagerSite, "recover", classmethod(forgetful))


def _dropped_before_it_is_acknowledged(patch: Patch) -> None:
    tidy = Retaining.tidy

    def hasty(self: Retaining, journal: Journal, at_ms: int) -> Effects:
        journal.acknowledged = dict(journal.heads)
        return tidy(self, journal, at_ms)

    patch.setattr(Retaining, "tidy", hasty)


def _two_of_one_number_are_not_noticed(patch: Patch) -> None:
    patch.setattr(Forks, "find", lambda self, chain, other: Effects())


def _a_life_that_was_written_twice_goes_on(patch: Patch) -> None:
    take = Agent._take_piece
    patch.setattr(Agent, "_take_piece", lambda self, *args: msgspec.structs.replace(take(self, *args), act=()))


def _what_was_followed_in_such_a_life_counts(patch: Patch) -> None:
    part = Election._part

    def trusting(self: Election, view: ElectionView) -> list[NodeId]:
        return part(self, msgspec.structs.replace(view, void=frozenset()))

    patch.setattr(Election, "_part", trusting)


def _a_sum_says_what_its_first_reading_said(patch: Patch) -> None:
    patch.setattr(folding, "_merged", lambda one, other: one)


def _nothing_is_asked_for_again(patch: Patch) -> None:
    patch.setattr(Restored, "lacks", lambda self, journal: {})
    patch.setattr(Relay, "hear", lambda self, said, heads, journal, at_ms: None)


def _spoken_before_it_was_heard(patch: Patch) -> None:
    patch.setattr(ManagerSite, "may_speak", property(lambda self: True))


def _its_own_word_of_before_is_refused(patch: Patch) -> None:
    """What a manager finds with its own signature and does not know."""
    patch.setattr(ManagerSite, "_take_over", lambda self, document: Effects())


def _sums_take_decisions_with_them(patch: Patch) -> None:
    """All but commits is folded."""

    def trailing(self: Journal, name: str, *, sums: bool = True) -> list[Any]:
        found: list[Any] = []
        for piece in reversed(self.chains[name].recent if name in self.chains else []):
            body = body_of(decode(piece.sealed.statement, Statement))
            if isinstance(body, Entry) and body.what == "plan.committed":
                break
            found.append((piece, body))
        return found[::-1]

    patch.setattr(Journal, "trailing", trailing)


SABOTAGES = (
    Sabotage(
        name="J1: two of one number are not noticed",
        plant=_two_of_one_number_are_not_noticed,
        noticed_by=("J1",),
        shape=cloned,
    ),
    Sabotage(
        name="J1: a life that was written twice goes on",
        plant=_a_life_that_was_written_twice_goes_on,
        seeds_known=(13,),
        noticed_by=("J1",),
        shape=cloned,
    ),
    Sabotage(
        name="J1: what was followed in such a life counts",
        plant=_what_was_followed_in_such_a_life_counts,
        noticed_by=("J1",),
        shape=cloned,
    ),
    Sabotage(
        name="J2: a sum says what its first reading said",
        plant=_a_sum_says_what_its_first_reading_said,
        noticed_by=("I6",),
        shape=folding_much,
    ),
    Sabotage(
        name="J2: sums take decisions with them",
        plant=_sums_take_decisions_with_them,
        noticed_by=("I5",),
        shape=folding_much,
    ),
    Sabotage(
        name="J2: dropped before it is acknowledged",
        plant=_dropped_before_it_is_acknowledged,
        noticed_by=("I5",),
        shape=forgetful,
    ),
    Sabotage(name="J3: the journal stays at home", plant=_the_journal_stays_at_home, noticed_by=("I5",)),
    Sabotage(
        name="J3: acknowledged and not stored", plant=_acknowledged_and_not_stored, noticed_by=("I5",), shape=overseen
    ),
    Sabotage(
        name="J3: nothing is asked for again",
        plant=_nothing_is_asked_for_again,
        seeds_known=(6,),
        noticed_by=("I5",),
        shape=put_back,
    ),
    Sabotage(
        name="J4: spoken before it was heard",
        plant=_spoken_before_it_was_heard,
        noticed_by=("J4",),
        shape=put_back,
    ),
    Sabotage(
        name="J4: its own word of before is refused",
        plant=_its_own_word_of_before_is_refused,
        seeds_known=(58,),
        noticed_by=("I12", "U2"),
        shape=put_back,
    ),
    Sabotage(name="J4: said and not kept", plant=_said_and_not_kept, noticed_by=("I10",), shape=overseen),
    Sabotage(name="D18: judged without evidence", plant=_judged_without_evidence, noticed_by=("R1",), shape=overseen),
    Sabotage(name="R1: verdicts are forgotten", plant=_verdicts_are_forgotten, noticed_by=("R1",), shape=overseen),
)
