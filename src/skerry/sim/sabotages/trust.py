"""N1, N4, N6, I8, J1: who speaks, who may say what, and whether it is news."""

from __future__ import annotations

from typing import Any

from skerry.core import conversation
from skerry.core.actors import hearing
from skerry.core.group.journal.machine import Journal
from skerry.core.kernel.ids import LifeId
from skerry.core.kernel.once import Once
from skerry.core.kernel.sealing import Verifier
from skerry.sim import shell
from skerry.sim.keys import StandInVerifier
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import overseen, restarting, spied_on


def _anybody_may_say_anything(patch: Patch) -> None:
    kept = conversation._kept
    patch.setattr(conversation, "_kept", lambda said, name, version, may: kept(said, name, version, True))


def _signatures_are_not_checked(patch: Patch) -> None:
    patch.setattr(StandInVerifier, "verify", lambda self, key, statement, signature: True)


def _replays_are_heard(patch: Patch) -> None:
    patch.setattr(Once, "is_news", lambda self, statement: True)


def _changed_entries_are_believed(patch: Patch) -> None:
    """The manager takes whatever a member hands on."""

    class Trusting(Verifier):
        def verify(self, public_key: bytes, statement: bytes, signature: bytes) -> bool:
            return True

    def open_anything(sealed: Any, site: Any, key_of: Any, verifier: Any) -> Any:
        return conversation.open_sealed(sealed, site, key_of, Trusting())

    patch.setattr(hearing, "open_sealed", open_anything)


def _a_restart_goes_on_in_its_old_life(patch: Patch) -> None:
    patch.setattr(shell, "life_from", lambda bits: LifeId("0"))


def _a_new_life_links_to_nothing(patch: Patch) -> None:
    recover = Journal.recover

    def rootless(cls: Any, *args: Any) -> Journal:
        found = recover(*args)
        found._last_own = ""
        return found

    patch.setattr(Journal, "recover", classmethod(rootless))


SABOTAGES = (
    Sabotage(
        name="N1: a restart goes on in its old life",
        plant=_a_restart_goes_on_in_its_old_life,
        noticed_by=("N1", "I6"),
        shape=restarting,
    ),
    Sabotage(
        name="N1: a new life links to nothing",
        plant=_a_new_life_links_to_nothing,
        noticed_by=("N1",),
        shape=restarting,
    ),
    Sabotage(
        name="N4, P1: anybody may say anything", plant=_anybody_may_say_anything, noticed_by=("I8",), shape=spied_on
    ),
    Sabotage(
        name="N6: signatures are not checked", plant=_signatures_are_not_checked, noticed_by=("I8",), shape=spied_on
    ),
    Sabotage(
        name="I8: replays are heard", plant=_replays_are_heard, seeds_known=(1,), noticed_by=("I8",), shape=spied_on
    ),
    Sabotage(
        name="J1: changed entries are believed",
        plant=_changed_entries_are_believed,
        seeds_known=(1,),
        noticed_by=("I8",),
        shape=overseen,
    ),
)
