"""One byte of the journal is changed on a node's disk: the state is whole, and the signature tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.adapters.keys import ed25519
from skerry.adapters.sqlite.state import SqliteStorage
from skerry.core.group.journal.machine import Journal
from skerry.core.kernel.effects import Record
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.lab.state import LabError
from skerry.lab.tampering import change

SEED = ed25519.generate()


def written(home: Path) -> None:
    """A node that has written three entries."""
    journal = Journal(me=NodeId("n1"), site="shop", life=LifeId("1"), boot="b", signer=ed25519.NodeSigner(SEED))
    storage = SqliteStorage(home)
    for number in range(1, 4):
        given = Input[object](id=f"n1-{number}", at_ms=number, wall_ms=number, draw=0, event=DeadlinePassed())
        record = Record(kind="decision", what="plan.committed", about=f"1.n1.{number}")
        storage.commit(journal.record(record, given)[0].persist)
    storage.close()


def entries(home: Path) -> list[Sealed]:
    storage = SqliteStorage(home)
    kept = storage.load()
    storage.close()
    return [decode(kept[key], Sealed) for key in sorted(kept) if key.startswith("journal/")]


def verifies(sealed: Sealed) -> bool:
    return ed25519.NaclVerifier().verify(ed25519.public_key(SEED), sealed.statement, sealed.signature)


def test_exactly_one_byte_of_one_entry_differs_and_its_signature_does_not_fit_any_more(tmp_path: Path) -> None:
    written(tmp_path)
    before = entries(tmp_path)
    changed = change(tmp_path, "n1/1", 2)
    after = entries(tmp_path)
    assert (changed.before, changed.after) == ("plan.committed", "Plan.committed")
    assert [verifies(one) for one in after] == [True, False, True]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    differing = [a != b for a, b in zip(before[1].statement, after[1].statement, strict=True)]
    assert sum(differing) == 1
    assert decode(after[1].statement, Statement).number == 2, "whoever reads it sees a proper entry"


def test_what_is_not_there_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no state of an agent"):
        change(tmp_path, "n1/1", 1)
    written(tmp_path)
    with pytest.raises(LabError, match="entry 9 of chain n1/1 is not there"):
        change(tmp_path, "n1/1", 9)
