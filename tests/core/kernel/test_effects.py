"""Effects add up without loss, and say what caused them."""

from __future__ import annotations

from skerry.core.kernel.effects import (
    Drop,
    Effects,
    Instruct,
    Note,
    Publish,
    Record,
    Reply,
    Report,
    Send,
    StopWorkload,
)
from skerry.core.kernel.ids import InstanceId, NodeId

ONE_OF_EACH = {
    "persist": (Drop(key="x"),),
    "record": (Record(kind="decision", what="x"),),
    "publish": (Publish(name="x", version=(1,), value=None),),
    "send": (Send(to=None, message="x"),),
    "report": (Report(manager="hq", message="x"),),
    "instruct": (Instruct(site="shop", node=NodeId("a"), message="x"),),
    "act": (StopWorkload(instance=InstanceId("x"), within_ms=1),),
    "note": (Note(what="x"),),
    "reply": (Reply(request="x", ok=True),),
}


def test_every_field_of_both_is_in_the_sum_in_order() -> None:
    for name, value in ONE_OF_EACH.items():
        one = Effects(**{name: value})  # type: ignore[arg-type] # one field at a time, each of its own type
        assert getattr(one + one, name) == value + value
        assert not one.empty
        assert not (Effects() + one).empty
    assert Effects().empty
    assert {*ONE_OF_EACH, "cause"} == set(Effects.__struct_fields__)


def test_the_first_cause_is_kept() -> None:
    assert (Effects() + Effects(cause="i1") + Effects(cause="i2")).cause == "i1"
