"""The closed unions: all that peers can say, all that is signed, all that can happen to an agent.

One table names each kind of statement and the type of its body; `open_sealed` is the only way from received bytes to
something that the core will look at. A statement whose kind this version does not know is not acted upon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.custody.model import LATER_BYTES_MAX, LATER_MAX, LATER_PREFIX, Carry, Kept, Later, Version
from skerry.core.group.election.model import Standing
from skerry.core.group.election.wire import (
    AskHandOver,
    Follow,
    FollowMe,
    HandOver,
    HandOverAsked,
    HandOverWanted,
    IWould,
    WouldYou,
)
from skerry.core.group.granting.model import DEAD_PREFIX, DeclaredDead, Living
from skerry.core.group.granting.wire import GrantAsk, GrantGive, GrantRelease
from skerry.core.group.journal.model import Acknowledgement, Entry, Fold
from skerry.core.group.journal.proofs import proof_in
from skerry.core.group.membership.machine import PresenceChanged
from skerry.core.group.membership.wire import Beat
from skerry.core.group.succession.model import CLOSING_PREFIX, Closing
from skerry.core.group.uplink.machine import SessionChanged
from skerry.core.group.uplink.model import ModeState, UplinkReport
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.ids import LifeId, ManagerId, NodeId, PlanId
from skerry.core.kernel.sealing import Sealed, Statement, Verified, Verifier
from skerry.core.kernel.values import Value, decode, digest_bytes
from skerry.core.stages.capability.events import FactsFound, UsageSampled
from skerry.core.stages.fit.events import TrialFinished
from skerry.core.stages.fit.model import RoleFit
from skerry.core.stages.intent.events import LocalIntent, LocalIntentGiven
from skerry.core.stages.intent.holds import Hold, HoldAsked, may_hold
from skerry.core.stages.ir.model import CatalogueDocument, IntermediateRepresentation, Roster, SiteDocument, owns
from skerry.core.stages.monitoring.events import MonitoringEvent, UnattendedAnswered
from skerry.core.stages.monitoring.model import Verification
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.negotiation.wire import Ballot, Proposal
from skerry.core.stages.ratification.model import Verdict
from skerry.core.stages.subscription.events import WorkloadEvent
from skerry.core.stages.subscription.model import Instance

PeerMessage = (
    Beat
    | WouldYou
    | IWould
    | FollowMe
    | Follow
    | HandOver
    | AskHandOver
    | GrantAsk
    | GrantGive
    | GrantRelease
    | Proposal
    | Ballot
    | Carry
    | Sealed
)
"""What one node says to another. Every one of them is signed on its way (N6), but for what already is: a document or an
entry that goes alone needs no other name on it than its author's."""


class Leave(Value, frozen=True, kw_only=True, tag="leave"):
    """Signed by the node itself: whoever has its folder has its key. Kept until the home manager has heard of it and
    made a roster without the node."""

    node: NodeId


LEAVE_PREFIX = "leave/"

Document = (
    Roster
    | SiteDocument
    | CatalogueDocument
    | IntermediateRepresentation
    | RoleFit
    | Plan
    | Verdict
    | Closing
    | DeclaredDead
    | Living
    | Leave
    | Hold
    | Acknowledgement
    | Later
)
"""What the members keep for each other (C2)."""

UplinkMessage = Question | Answer
"""What site and manager say to each other; signed like everything else."""

Body = PeerMessage | Document | Entry | Fold | UplinkMessage | LocalIntent | HandOverWanted

KINDS: dict[str, type] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        Beat, WouldYou, IWould, FollowMe, Follow, HandOver, AskHandOver, GrantAsk, GrantGive, GrantRelease, Proposal,
        Ballot, Carry, Roster, SiteDocument, CatalogueDocument,
        IntermediateRepresentation, RoleFit, Plan, Verdict, Entry, Fold, Question, Answer, LocalIntent, Leave, Closing,
        DeclaredDead, Living, Hold, HandOverWanted, Acknowledgement, Later,
    )
}  # fmt: skip
"""Each kind of statement, and what it says."""

DECLARE_DEAD = "declare-dead"
"""The right to say that a node is off (X8)."""

STATEMENT_BYTES_MAX = 4 * 1024 * 1024


class Carried(Value, frozen=True, kw_only=True, array_like=True):
    """What a beat carries: state, not news (C2)."""

    standing: Standing
    uplinks: dict[ManagerId, UplinkReport] = {}
    modes: dict[ManagerId, ModeState] = {}
    plan: PlanId | None = None
    running: tuple[Instance, ...] = ()
    verified: tuple[Verification, ...] = ()
    """What this node, as validator or reporter, measured of instances that run now."""
    reach_permille: int = 0
    """The share of the roster that this node is in contact with."""
    idle_permille: int = 0
    protocol: int = 1


class Exchange(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What question and answer carry: what I hold, and what I think that you lack. An answer that carries nothing at
    all says: nothing has changed on either side."""

    accord: bytes = b""
    """Instead of all the rest, in a question: a digest of what both of us hold, as I know it."""
    digest: str = ""
    """Of all that I hold."""
    base: str = ""
    """Of what I held when it was what the lists start from; empty: they are whole."""
    known: str = ""
    """Of what you hold, as I know it; empty: I do not."""
    versions: dict[str, Version] = {}
    heads: dict[str, int] = {}
    items: tuple[Sealed, ...] = ()
    lacks: dict[str, int] = {}
    """A manager's: of each chain that it does not have as far as it once acknowledged, how far it has it (J3)."""
    lost: dict[str, int] = {}
    """A site's answer to that: up to which number nobody in contact retains anything; 0: of the whole chain."""


class Heard(Value, frozen=True, kw_only=True, tag=True):
    """A statement arrived, and its signature is good."""

    said: Verified[Any]


class Started(Value, frozen=True, kw_only=True, tag=True):
    """The agent runs; the first event of every life. `recover` has seen what the disk holds."""


class LeaveAsked(Value, frozen=True, kw_only=True, tag=True):
    """The owner takes this machine out: stop all, say goodbye. Its weight goes with the next roster (X5)."""

    request: str
    said: Verified[Leave]


class DeclareDeadAsked(Value, frozen=True, kw_only=True, tag=True):
    """A node's API took an operator's word that another node is off (X8)."""

    request: str
    said: Verified[DeclaredDead]


OwnEvent = (
    PresenceChanged
    | SessionChanged
    | WorkloadEvent
    | TrialFinished
    | MonitoringEvent
    | UnattendedAnswered
    | LocalIntentGiven
    | HoldAsked
    | HandOverAsked
    | LeaveAsked
    | DeclareDeadAsked
    | UsageSampled
    | FactsFound
    | DeadlinePassed
    | Started
)
"""All that can happen to an agent, but for what its peers and managers say."""

AgentEvent = Heard | OwnEvent
"""All that can happen to an agent."""


class Refused(ValueError):
    """A statement that changes nothing (I8); says why."""


class OfAStranger(Refused):
    """A statement by somebody whom the roster at hand does not name."""


def open_sealed(sealed: Sealed, site: str, key_of: Callable[[str], bytes | None], verifier: Verifier) -> Verified[Any]:
    """Verify and decode one statement. Raises `Refused`: malformed, of another site, by a stranger, forged, unknown."""
    if len(sealed.statement) > STATEMENT_BYTES_MAX:
        raise Refused(f"a statement of {len(sealed.statement)} bytes: at most {STATEMENT_BYTES_MAX} are read")
    try:
        statement = decode(sealed.statement, Statement)
    except msgspec.DecodeError as error:
        raise Refused(f"not a statement: {error}") from error
    if statement.site != site:
        raise Refused(f"a statement of the site {statement.site!r}")
    key = key_of(statement.signer)
    if key is None:
        raise OfAStranger(f"{statement.signer!r} is not in the roster")
    if not verifier.verify(key, sealed.statement, sealed.signature):
        raise Refused(f"the signature is not {statement.signer}'s")
    kind = KINDS.get(statement.kind)
    if kind is None:
        raise Refused(f"the kind {statement.kind!r} is not known to this version")
    try:
        body: Any = decode(statement.body, kind)
    except msgspec.DecodeError as error:
        raise Refused(f"a malformed {statement.kind}: {error}") from error
    return Verified(statement=statement, body=body, sealed=sealed)


def opened(sealed: Sealed, site: str, key_of: Callable[[str], bytes | None], verifier: Verifier) -> list[Verified[Any]]:
    """A statement with what it carries, each verified by itself; carried ones that are refused are left out.
    Raises `Refused` for the statement itself."""
    try:
        said = open_sealed(sealed, site, key_of, verifier)
    except OfAStranger as refused:
        return _rosters_carried(sealed, site, key_of, verifier, refused)
    match said.body:
        case Carry(items=items):
            return _each(items, site, key_of, verifier)
        case Answer(carried=b""):
            return [said]
        case Question(carried=carried) | Answer(carried=carried):
            try:
                exchange = decode(carried, Exchange)
            except msgspec.DecodeError as error:
                raise Refused(f"a malformed {said.statement.kind}: {error}") from error
            return [*_each(exchange.items, site, key_of, verifier), said]
        case _:
            return with_proof(said, site, key_of, verifier)


def _rosters_carried(
    sealed: Sealed, site: str, key_of: Callable[[str], bytes | None], verifier: Verifier, refused: OfAStranger
) -> list[Verified[Any]]:
    """Rosters may come by anybody's hand, since they bear their author's signature: a node that joined early, and was
    started when the manager was gone, knows none of those who joined after it, and would stay alone for ever (D6a)."""
    statement = decode(sealed.statement, Statement)
    if KINDS.get(statement.kind) is not Carry:
        raise refused
    try:
        carried = decode(statement.body, Carry).items
    except msgspec.DecodeError as error:
        raise Refused(f"a malformed {statement.kind}: {error}") from error
    rosters = [said for said in _each(carried, site, key_of, verifier) if isinstance(said.body, Roster)]
    if not rosters:
        raise refused
    return rosters


def _each(
    items: tuple[Sealed, ...], site: str, key_of: Callable[[str], bytes | None], verifier: Verifier
) -> list[Verified[Any]]:
    found: list[Verified[Any]] = []
    for item in items:
        try:
            said = open_sealed(item, site, key_of, verifier)
        except Refused:
            continue  # the carrier vouches for nothing; what its author signed comes again from somebody who has it
        found += with_proof(said, site, key_of, verifier)
    return found


def with_proof(
    said: Verified[Any], site: str, key_of: Callable[[str], bytes | None], verifier: Verifier
) -> list[Verified[Any]]:
    """An entry that tells of two of one number brings the other one along (J1), if its author signed that."""
    proof = proof_in(said.body)
    try:
        return [said, open_sealed(proof, site, key_of, verifier)] if proof is not None else [said]
    except Refused:
        return [said]


def key_in(roster: Roster, signer: str) -> bytes | None:
    """Whose word is read at a site: that of members, of the home manager and its guests, and of operators (N4, U4,
    D25). That of former members, too: what they signed as members is still there, and they have to be told. What
    counts of it is decided by whoever takes it."""
    key = roster.manager_key_of(signer)
    if key is not None:
        return key
    known = roster.members.get(signer) or roster.former.get(signer)
    if known is not None:
        return known.public_key
    operator = roster.operators.get(signer)
    return operator.public_key if operator is not None else None


def stored_documents(kept: Mapping[str, bytes], site: str, verifier: Verifier) -> list[Kept]:
    """The documents on this node's disk, opened again. The newest roster says whose keys count; it was checked when it
    was taken, and is trusted as the disk is. Raises `Refused` if there is no roster: the node has not joined; and
    `msgspec.DecodeError` if they are damaged, so that none of them can be read."""
    sealed = {key: decode(raw, Sealed) for key, raw in sorted(kept.items()) if key.startswith(DOCUMENT_PREFIX)}
    rosters = [key for key in sealed if key.startswith(DOCUMENT_PREFIX + "roster/")]
    if not rosters:
        raise Refused("there is no roster on this disk: join a site first")
    trusted = with_former(decode(decode(sealed[max(rosters)].statement, Statement).body, Roster))
    found: list[Kept] = []
    for item in sealed.values():
        try:
            said = open_sealed(item, site, lambda signer: key_in(trusted, signer), verifier)
            found.append(document_of(said, trusted))
        except Refused:
            continue  # of a kind that another version of this program knew, say
    if not any(isinstance(document.value, Roster) for document in found):
        raise msgspec.ValidationError("no roster of it is whole")
    return found


def with_former(roster: Roster) -> Roster:
    """As if nobody had left: for what was taken when it could be."""
    return msgspec.structs.replace(roster, members={**roster.former, **roster.members})


def document_of(said: Verified[Any], roster: Roster) -> Kept:
    """The document that a statement is, if its signer may say this. Raises `Refused`.

    Rosters, site settings and acknowledgements are the home manager's word (N4); an IR and the verdicts on it are its
    owner's (M1); an IR handed in locally is the word of the member that took it, for the home manager; a fit is its own
    node's, and so are its closing and its word that it leaves or lives; that a node is dead is an operator's (X8), and
    so is a hold (R4); a plan is its leader's (P1); what only later versions can read is anybody's, under their own name
    (N2). Each roster version is a document of its own, so that a node that missed some can take them one after the
    other.
    """
    body, signer = said.body, said.statement.signer
    numbers: Version
    match body:
        case Roster() | SiteDocument() | CatalogueDocument() | Acknowledgement():
            return _kept(said, *_manager_says(said), may=signer == roster.manager)
        case Verdict(intent=intent, number=number):
            may = roster.manager_key_of(signer) is not None and owns(signer, intent)
            return _kept(said, body.document, (number,), may)
        case IntermediateRepresentation(intent=intent, generation=generation, local=local):
            may = _may_want(body, signer, roster)
            return _kept(said, f"intent/{intent}", _version(said, generation, local=local), may)
        case RoleFit(node=node, version=version):
            name, numbers, may = f"fit/{node}", (version,), signer == node
        case Closing(node=node, through=through):
            name, numbers, may = f"{CLOSING_PREFIX}{node}", (through,), signer == node
        case Leave(node=node):
            name, numbers, may = f"{LEAVE_PREFIX}{node}", (1,), signer == node
        case Living(node=node):
            name, numbers, may = f"{DEAD_PREFIX}{node}", body.version, signer == node
        case Later(place=place, version=version):
            small = place < LATER_MAX and len(said.sealed.statement) <= LATER_BYTES_MAX
            name, numbers, may = f"{LATER_PREFIX}{signer}/{place:02d}", (version,), small
        case Plan(id=plan):
            version_of: Version = (plan.term, str(plan.leader), plan.number)
            return _kept(said, "plan", version_of, signer == plan.leader)
        case _:
            return _document_of_operator(said, roster)
    return _kept(said, name, numbers, may)


def _document_of_operator(said: Verified[Any], roster: Roster) -> Kept:
    body, signer = said.body, said.statement.signer
    match body:
        case DeclaredDead(node=node, roster=under):
            may = roster.gives(signer, DECLARE_DEAD, under)
            return _kept(said, f"{DEAD_PREFIX}{node}", body.version, may)
        case Hold():
            return _kept(said, body.document, body.version, may_hold(signer, body, roster))
        case _:
            raise Refused(f"a {said.statement.kind} is no document")


def _may_want(ir: IntermediateRepresentation, signer: str, roster: Roster) -> bool:
    """Whether this is its owner's word, or that of a member for the home manager. A guest that was dismissed is read,
    and what it wants counts as withdrawn."""
    if not owns(ir.owner, ir.intent):
        return False
    if ir.local:
        return signer in roster.members and ir.owner == roster.manager
    return signer == ir.owner and roster.manager_key_of(signer) is not None


def _manager_says(said: Verified[Any]) -> tuple[str, Version]:
    """Name and version of what only a home manager may say."""
    match said.body:
        case Roster(version=version):
            return f"roster/{version:06d}", (version,)
        case Acknowledgement(number=number):
            return "acknowledged", (number,)
        case body:
            return "site" if isinstance(body, SiteDocument) else "catalogue", _version(said, body.generation)


def _version(said: Verified[Any], generation: int, *, local: bool = False) -> Version:
    """Of two documents of one generation everybody takes the same one, the manager's before a local one: that happens
    when both sides made one, or when a manager was put back to a backup and says something a second time (J4)."""
    return (generation, 0 if local else 1, digest_bytes(said.statement.body))


def _kept(said: Verified[Any], name: str, version: Version, may: bool) -> Kept:
    if not may:
        raise Refused(f"{said.statement.signer} may not say {name}")
    return Kept(name=name, version=version, author=said.statement.signer, value=said.body, sealed=said.sealed)


def kind_of(body: Any) -> str:
    """The tag under which a body is signed."""
    return str(body.__struct_config__.tag)


LIFE_DIGITS = 16


def life_from(draw: int) -> LifeId:
    """A new life's id (N1)."""
    return LifeId(f"{draw:016x}"[-LIFE_DIGITS:])
