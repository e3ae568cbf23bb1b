"""What a manager finds at a site that it said itself and does not know: it was put back to a backup (J3, J4).

Whatever bears its signature is taken over as it stands, and shown to a person until somebody gives a newer word on the
same thing: what operators wrote to get it is gone with the store that held it, so their manifests as the store has them
now must not undo it unasked. What of the journal it once acknowledged and does not hold is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.group.custody.model import Kept, Version
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Acknowledgement
from skerry.core.kernel.effects import NOTHING, Effects, Note, Put
from skerry.core.kernel.values import Value, decode, encode

RESTORED_KEY = "restored"


class InStore(Value, frozen=True, kw_only=True):
    """As the store has it."""

    found: dict[str, Version] = {}
    owing: dict[str, int] = {}


@dataclass
class Restored:
    """Of one site."""

    found: dict[str, Version] = field(default_factory=dict)
    """Documents that were taken over, with their versions."""
    owing: dict[str, int] = field(default_factory=dict)
    """Of each chain of which less is held than was once acknowledged, how much that was."""

    @classmethod
    def recover(cls, kept: bytes | None) -> Restored:
        """From the store."""
        known = decode(kept, InStore) if kept is not None else InStore()
        return cls(found=dict(known.found), owing=dict(known.owing))

    def take(self, document: Kept, journal: Journal) -> Effects:
        """A document of the manager's own, of which it did not know."""
        if not isinstance(document.value, Acknowledgement) and not document.name.startswith("verdict/"):
            self.found[document.name] = document.version
        note = Note(what="manager.found", about=document.name, data={"version": list(document.version)})
        return self.owe(document.value, journal) + self._kept() + Effects(note=(note,))

    def owe(self, said: object, journal: Journal) -> Effects:
        """What is missing of that which a word of the manager's own acknowledged, however old it is."""
        heads = said.heads if isinstance(said, Acknowledgement) else {}
        owing = {
            name: n for name, (n, _) in heads.items() if n > max(journal.heads.get(name, 0), self.owing.get(name, 0))
        }
        if not owing:
            return NOTHING
        self.owing.update(owing)
        return self._kept()

    def settle(self, name: str) -> Effects:
        """The manager has a newer word on this; the next roster is one on all before."""
        is_roster = name.startswith("roster/")
        settled = [one for one in self.found if one == name or (is_roster and one.startswith("roster/"))]
        for one in settled:
            del self.found[one]
        return self._kept() if settled else NOTHING

    def lacks(self, journal: Journal) -> dict[str, int]:
        """Of each chain that is not held as far as it was acknowledged, up to where it is; also of those with lost
        stretches, which somebody may have who was away."""
        return {**{name: lost[0][0] - 1 for name, lost in journal.lost().items()}, **self.behind(journal)}

    def behind(self, journal: Journal) -> dict[str, int]:
        """Of each chain that is not held as far as it was acknowledged, up to where it is."""
        return {n: journal.heads.get(n, 0) for n, once in self.owing.items() if once > journal.heads.get(n, 0)}

    def lose(self, lost: dict[str, int], journal: Journal) -> Effects:
        """Who is at the site has nothing of these up to a number (0: nothing at all): go on behind it."""
        done = NOTHING
        for name, until in lost.items():
            have = journal.heads.get(name, 0)
            last = until or self.owing.get(name, 0)
            if last > have:
                data = {"first": have + 1, "last": last}
                done = (
                    done + journal.lose(name, last) + Effects(note=(Note(what="journal.lost", about=name, data=data),))
                )
        return done

    def arrived(self, journal: Journal) -> Effects:
        """Forget what is owed no longer."""
        owing = {name: once for name, once in self.owing.items() if once > journal.heads.get(name, 0)}
        if owing == self.owing:
            return NOTHING
        self.owing = owing
        return self._kept()

    def _kept(self) -> Effects:
        return Effects(persist=(Put(key=RESTORED_KEY, value=encode(InStore(found=self.found, owing=self.owing))),))
