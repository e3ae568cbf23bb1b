"""What is handed in at a node itself: a local intent, and the word to leave. Both are signed statements (U4).

The signature is the right: an operator's key and rights stand in the roster, a node's own key in its folder. So nobody
has to be asked, and the journal keeps the operator's own word.
"""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.adapters.manifests import ManifestErrors, check, load
from skerry.core.conversation import DeclareDeadAsked, Leave, LeaveAsked, Refused, key_in, open_sealed
from skerry.core.group.election.wire import HandOverAsked, HandOverWanted
from skerry.core.group.granting.model import DeclaredDead
from skerry.core.kernel.effects import Reply
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode
from skerry.core.stages.intent.events import LocalIntent, LocalIntentGiven
from skerry.core.stages.intent.holds import Hold, HoldAsked
from skerry.core.stages.intent.model import Catalogue, Intent
from skerry.core.stages.ir.model import CatalogueDocument, IntermediateRepresentation
from skerry.core.stages.ir.rules import TranslationError, check_lease, translate
from skerry.shell.agent import AgentShell

BODY_MAX_BYTES = 1024 * 1024


class NotTaken(Exception):
    """What was handed in is refused: a status, and the reasons as a client shows them."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.body = body
        super().__init__(str(body))


def _opened(shell: AgentShell, raw: bytes) -> Any:
    roster = shell.agent.picture.roster()
    try:
        sealed = decode(raw, Sealed)
        return open_sealed(sealed, shell.settings.site, lambda s: key_in(roster, s), shell.outside.verifier)
    except (msgspec.DecodeError, Refused) as error:
        raise NotTaken(403, {"error": f"not a statement of somebody who may act here: {error}"}) from error


async def take_intent(shell: AgentShell, raw: bytes) -> Reply:
    """Open, check and translate an operator's intent with the catalogue that the site keeps. Raises `NotTaken`."""
    said = _opened(shell, raw)
    if not isinstance(said.body, LocalIntent):
        raise NotTaken(400, {"error": f"expected a signed local intent, found {said.statement.kind}"})
    ir = _translated(shell, said.body.manifests)
    return await shell.request(
        lambda request: LocalIntentGiven(request=request, operator=said.statement.signer, ir=ir, evidence=said.sealed)
    )


async def take_hold(shell: AgentShell, raw: bytes) -> Reply:
    """Take an operator's hold, or the end of one (R4). Raises `NotTaken`."""
    said = _opened(shell, raw)
    if not isinstance(said.body, Hold):
        raise NotTaken(400, {"error": f"expected a signed hold, found {said.statement.kind}"})
    return await shell.request(lambda request: HoldAsked(request=request, said=said))


async def hand_over(shell: AgentShell, raw: bytes) -> Reply:
    """Take an operator's word that another is to lead (L6). Raises `NotTaken`."""
    said = _opened(shell, raw)
    if not isinstance(said.body, HandOverWanted):
        raise NotTaken(400, {"error": f"expected a signed word on who is to lead, found {said.statement.kind}"})
    return await shell.request(lambda request: HandOverAsked(request=request, said=said))


async def leave(shell: AgentShell, raw: bytes) -> Reply:
    """Stop all that runs here, at the word of whoever holds this node's key. Raises `NotTaken`."""
    said = _opened(shell, raw)
    if not isinstance(said.body, Leave) or said.statement.signer != shell.settings.node:
        raise NotTaken(403, {"error": "only this node's own key may take it out: use `skerry agent leave` on it"})
    return await shell.request(lambda request: LeaveAsked(request=request, said=said))


async def declare_dead(shell: AgentShell, raw: bytes) -> Reply:
    """Take an operator's word that another node is off (X8). Raises `NotTaken`."""
    said = _opened(shell, raw)
    if not isinstance(said.body, DeclaredDead):
        raise NotTaken(400, {"error": f"expected a signed word that a node is dead, found {said.statement.kind}"})
    return await shell.request(lambda request: DeclareDeadAsked(request=request, said=said))


def _translated(shell: AgentShell, text: str) -> IntermediateRepresentation:
    picture = shell.agent.picture
    kept = picture.custody.kept.get("catalogue")
    if kept is None or not isinstance(kept.value, CatalogueDocument):
        raise NotTaken(
            409, {"error": "this site has no catalogue yet: it comes with the first connection to its manager"}
        )
    try:
        catalogue = check(load(kept.value.manifests, "catalogue"), Catalogue(), shell.outside.expressions)
        documents = load(text, "intent")
        check(documents, catalogue, shell.outside.expressions)
    except ManifestErrors as errors:
        raise NotTaken(400, {"error": str(errors)}) from errors
    intents = [d.manifest for d in documents if isinstance(d.manifest, Intent)]
    if len(intents) != 1 or len(documents) != 1:
        raise NotTaken(400, {"error": f"expected one Intent and nothing else, found {len(documents)} documents"})
    owner = picture.roster().manager
    known = next((ir for ir in picture.irs().values() if ir.name == intents[0].metadata.name), None)
    generation = known.generation + 1 if known is not None else 1
    try:
        ir = translate(
            intents[0], catalogue, expressions=shell.outside.expressions, owner=owner, generation=generation, local=True
        )
    except TranslationError as error:
        raise NotTaken(400, {"error": str(error)}) from error
    site = picture.site()
    if site is not None and (found := check_lease(site, [ir])):
        raise NotTaken(400, {"error": "; ".join(map(str, found))})
    return ir
