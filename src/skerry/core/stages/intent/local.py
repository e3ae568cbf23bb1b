"""Whether an operator's intent is taken in at the site itself, and what becomes of it (U4).

Any node may take it: the right to hand it in stands in the roster, so it is checked offline. It is temporary until its
manager ratifies it, which is a generation of the manager's own; what head office wants already is not changed here.
"""

from __future__ import annotations

from collections.abc import Mapping

from skerry.core.kernel.effects import Effects, Note, Publish, Record, Reply
from skerry.core.kernel.evidence import evidence
from skerry.core.kernel.ids import IntentId
from skerry.core.kernel.values import digest
from skerry.core.stages.intent.events import LocalIntentGiven
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster

RIGHT = "apply"


def take(
    given: LocalIntentGiven, roster: Roster, irs: Mapping[IntentId, IntermediateRepresentation], *, goes: bool = False
) -> Effects:
    """Publish the IR with the operator's word beside it in the journal, or say why not. `goes`: this node was taken
    out of the roster, or leaves; what it publishes the site takes no more."""
    ir, operator = given.ir, roster.operators.get(given.operator)
    if goes:
        return _refuse(given, "this machine does not belong to the site any more: ask another")
    if operator is None or RIGHT not in operator.may:
        return _refuse(given, f"{given.operator!r} may not {RIGHT} at this site")
    known = irs.get(ir.intent)
    if known is not None and not known.local and not known.withdrawn:
        return _refuse(given, f"{ir.intent} is head office's; only {ir.owner} changes it")
    if known is not None and known.generation >= ir.generation:
        return _refuse(given, f"{ir.intent} is at generation {known.generation} already")
    data = {
        "operator": given.operator,
        "intent": ir.intent,
        "generation": ir.generation,
        **evidence(given.evidence),
    }
    return Effects(
        record=(Record(kind="operator", what="intent.local", about=ir.intent, data=data),),
        publish=(Publish(name=f"intent/{ir.intent}", version=(ir.generation, 0, digest(ir)), value=ir),),
        note=(Note(what="intent.local", about=ir.intent, data={"operator": given.operator}),),
        reply=(Reply(request=given.request, ok=True, body={"intent": ir.intent, "generation": ir.generation}),),
    )


def _refuse(given: LocalIntentGiven, why: str) -> Effects:
    note = Note(what="intent.refused", about=given.ir.intent, data={"operator": given.operator, "why": why})
    return Effects(note=(note,), reply=(Reply(request=given.request, ok=False, body={"error": why}),))
