"""Taking an operator's word that a node is off, at any node of a site that is cut off (X8).

The right to say so stands in the roster, so it is checked offline; the word itself is kept by all, as it was signed.
"""

from __future__ import annotations

from skerry.core.actors.picture import Picture
from skerry.core.conversation import DeclareDeadAsked, Refused, document_of
from skerry.core.group.custody.machine import packed
from skerry.core.kernel.effects import Effects, Note, Record, Reply
from skerry.core.kernel.evidence import evidence


def declare_dead(asked: DeclareDeadAsked, picture: Picture) -> Effects:
    """Keep the word, for all, with the journal's note of whose it is; or say why not."""
    node, signer, sealed = asked.said.body.node, asked.said.statement.signer, asked.said.sealed
    why = _against(asked, picture)
    if why is not None:
        refused = Note(what="dead.refused", about=node, data={"operator": signer, "why": why})
        return Effects(reply=(Reply(request=asked.request, ok=False, body={"error": why}),), note=(refused,))
    data = {"operator": signer, **evidence(sealed)}
    kept = picture.custody.keep(document_of(asked.said, picture.roster()))
    return kept + Effects(
        record=(Record(kind="operator", what="node.declared_dead", about=node, data=data),),
        send=packed(None, [sealed]),
        note=(Note(what="node.declared_dead", about=node, data={"operator": signer}),),
        reply=(Reply(request=asked.request, ok=True, body={"node": node}),),
    )


def _against(asked: DeclareDeadAsked, picture: Picture) -> str | None:
    node, roster = asked.said.body.node, picture.roster()
    if node not in roster.members:
        return f"{node} is not in the roster"
    if node == picture.me or node in picture.contacts():
        return f"{node} is in contact with {picture.me}: it is not dead"
    try:
        document = document_of(asked.said, roster)
    except Refused as refused:
        return str(refused)
    if not picture.custody.newer(document.name, document.version):
        return f"a later word on {node} is known here: look at its status, and say it again"
    return None
