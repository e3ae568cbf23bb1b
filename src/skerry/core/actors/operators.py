"""What operators do at a node beside handing in intents: hold what is to stay as it is, and let go of it (R4); have
another lead (L6).

The right stands in the roster, so it is checked offline; the word itself is kept by the whole site as it was signed,
and the journal of the node that took it tells of it.
"""

from __future__ import annotations

from skerry.core.actors.picture import Picture
from skerry.core.conversation import Refused, document_of
from skerry.core.group.custody.model import Carry
from skerry.core.group.election.wire import HandOverAsked
from skerry.core.kernel.effects import Effects, Note, Record, Reply, Send
from skerry.core.kernel.evidence import evidence
from skerry.core.stages.intent.holds import HoldAsked, against

HAND_OVER = "hand_over"
"""The right to say who is to lead."""


def refused_hand_over(asked: HandOverAsked, picture: Picture) -> Effects | None:
    """Why an operator may not say who leads; None: they may."""
    signer = asked.said.statement.signer
    operator = picture.roster().operators.get(signer)
    if operator is not None and HAND_OVER in operator.may:
        return None
    why = f"{signer!r} may not {HAND_OVER} at this site"
    note = Note(what="hand_over.refused", about=signer, data={"why": why})
    return Effects(note=(note,), reply=(Reply(request=asked.request, ok=False, body={"error": why}),))


def take_hold(asked: HoldAsked, picture: Picture) -> Effects:
    """Keep a hold, or the end of one, for all; or say why not."""
    said, roster = asked.said, picture.roster()
    hold, operator = said.body, said.statement.signer
    known = picture.custody.kept.get(hold.document)
    try:
        document = document_of(said, roster)
        why = against(hold, known.value if known is not None else None, picture.me, roster, picture.irs())
    except Refused as refused:
        why = str(refused)
    if why is not None:
        note = Note(what="hold.refused", about=hold.subject, data={"operator": operator, "why": why})
        return Effects(note=(note,), reply=(Reply(request=asked.request, ok=False, body={"error": why}),))
    what = "hold.lifted" if hold.lifted else "hold.set"
    data = {"operator": operator, "hold": hold.document, "number": hold.number, "why": hold.why}
    return picture.custody.keep(document) + Effects(
        record=(Record(kind="operator", what=what, about=hold.subject, data={**data, **evidence(said.sealed)}),),
        send=(Send(to=None, message=Carry(items=(said.sealed,))),),
        note=(Note(what=what, about=hold.subject, data=data),),
        reply=(Reply(request=asked.request, ok=True, body={"hold": hold.name, "lifted": hold.lifted}),),
    )
