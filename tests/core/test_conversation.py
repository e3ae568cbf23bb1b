"""The only way in for what others say: malformed, forged, foreign, unknown - refused, and nothing else (I8, N2-N6)."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.conversation import (
    KINDS,
    STATEMENT_BYTES_MAX,
    Exchange,
    Refused,
    document_of,
    key_in,
    kind_of,
    life_from,
    open_sealed,
    opened,
    stored_documents,
)
from skerry.core.group.custody.model import LATER_BYTES_MAX, LATER_MAX, Carry, Later
from skerry.core.group.election.wire import Follow, WouldYou
from skerry.core.group.journal.model import Entry
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.ids import NodeId, PlanId
from skerry.core.kernel.sealing import Sealed, Statement, seal
from skerry.core.kernel.values import decode, digest, encode
from skerry.core.stages.ir.model import CatalogueDocument, Operator, Roster, RosterEntry, SiteDocument
from skerry.core.stages.negotiation.model import Plan
from skerry.sim.keys import StandInSigner, StandInVerifier
from tests.core.things import ANYBODY, HQ, A, B, fit, ir, plan, reopened

KEYS = {name: StandInSigner(name, 0) for name in ("a", "b", "c", "hq", "ann", "stranger")}
VERIFIER = StandInVerifier(list(KEYS.values()))
ROSTER = Roster(
    site="shop",
    version=1,
    predecessor="",
    manager=HQ,
    manager_key=KEYS["hq"].public_key,
    members={n: RosterEntry(node=n, public_key=KEYS[n].public_key) for n in ("a", "b", "c")},
    operators={"ann": Operator(name="ann", public_key=KEYS["ann"].public_key, may=("apply",))},
)


def said(signer: str, content, *, by: str | None = None, **fields) -> Sealed:
    """A statement that names `signer` and bears the signature of `by`."""
    plain = Statement(kind=kind_of(content), site="shop", signer=signer, life="1", number=1, body=encode(content))
    return seal(KEYS[by or signer], msgspec.structs.replace(plain, **fields))


def read(sealed: Sealed):
    return open_sealed(sealed, "shop", lambda signer: key_in(ROSTER, signer), VERIFIER)


def test_a_good_statement_is_opened_with_the_bytes_as_they_came() -> None:
    sealed = said("a", Follow(term=3, leader=A))
    found = read(sealed)
    assert (found.statement.signer, found.body, found.sealed) == ("a", Follow(term=3, leader=A), sealed)


@pytest.mark.parametrize(
    ("sealed", "why"),
    [
        (said("a", Follow(term=3, leader=A), by="b"), "the signature is not a's"),
        (said("stranger", Follow(term=3, leader=A)), "'stranger' is not in the roster"),
        (said("a", Follow(term=3, leader=A), site="other"), "a statement of the site 'other'"),
        (said("a", Follow(term=3, leader=A), kind="prayer"), "the kind 'prayer' is not known"),
        (said("a", Follow(term=3, leader=A), kind="hand_over"), "a malformed hand_over"),
        (said("a", Follow(term=3, leader=A), body=b"\xc1"), "a malformed follow"),
        (said("a", WouldYou(round=1), body=encode({"type": "would_you", "round": "one"})), "a malformed would_you"),
        (said("hq", ir(), body=encode({**decode(encode(ir()), dict), "sets": {}})), "a malformed ir"),
        (Sealed(statement=b"", signature=b""), "not a statement"),
        (Sealed(statement=b"\xc0", signature=b""), "not a statement"),
        (Sealed(statement=b"\0" * (STATEMENT_BYTES_MAX + 1), signature=b""), "at most 4194304 are read"),
    ],
)
def test_i8_each_fault_is_refused_by_its_own_name(sealed, why) -> None:
    with pytest.raises(Refused, match=why):
        read(sealed)


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_i8_no_bytes_do_anything_but_be_refused(statement, signature) -> None:
    with pytest.raises(Refused):
        read(Sealed(statement=statement, signature=signature))


WHOLE = said("a", Carry(items=(said("b", Follow(term=1, leader=B)),)))


@given(st.integers(0, len(WHOLE.statement) - 1), st.integers(1, 255))
def test_i8_one_byte_changed_is_refused(place, bits) -> None:
    changed = bytearray(WHOLE.statement)
    changed[place] ^= bits
    with pytest.raises(Refused):
        read(msgspec.structs.replace(WHOLE, statement=bytes(changed)))


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=80))
def test_i8_a_signed_body_of_any_kind_and_any_bytes_is_refused_or_is_of_its_kind(kind, body) -> None:
    """A member whose key is good and whose program is not."""
    sealed = said("a", WouldYou(round=1), kind=kind, body=body)
    try:
        found = read(sealed)
    except Refused:
        return
    assert isinstance(found.body, KINDS[kind])


def test_n2_a_carrier_vouches_for_nothing_each_item_is_verified_by_itself() -> None:
    good, forged = said("b", Follow(term=1, leader=B)), said("b", Follow(term=9, leader=B), by="a")
    found = opened(said("a", Carry(items=(forged, good))), "shop", lambda s: key_in(ROSTER, s), VERIFIER)
    assert [f.sealed for f in found] == [good]


def test_n2_a_question_comes_after_what_it_carries() -> None:
    item = said("b", fit(B))
    question = Question(number=1, carried=encode(Exchange(versions={}, heads={}, items=(item,))))
    found = opened(said("a", question), "shop", lambda s: key_in(ROSTER, s), VERIFIER)
    assert [f.statement.kind for f in found] == ["role_fit", "question"]
    broken = said("a", Question(number=1, carried=b"\xa2\xff\xfe"))
    with pytest.raises(Refused, match="a malformed question"):
        opened(broken, "shop", lambda s: key_in(ROSTER, s), VERIFIER)


@pytest.mark.parametrize("carried", [False, True])
def test_j1_who_tells_of_two_of_one_number_brings_the_other_one_which_proves_it_by_its_own_signature(carried) -> None:
    def told(other: Sealed) -> list[str]:
        data = {"life": "1", "number": 1, "statement": other.statement, "signature": other.signature}
        entry = said("b", Entry(predecessor="", kind="decision", what="journal.fork", about="a", data=data))
        brought = said("c", Carry(items=(entry,))) if carried else entry
        return [f.statement.signer for f in opened(brought, "shop", lambda s: key_in(ROSTER, s), VERIFIER)]

    other = Entry(predecessor="", kind="decision", what="another")
    assert told(said("a", other)) == ["b", "a"]
    assert told(said("a", other, by="b")) == ["b"]


def test_an_additional_field_of_a_newer_version_is_no_fault() -> None:
    newer = encode({"type": "follow", "term": 3, "leader": "a", "mood": "good"})
    assert read(said("a", WouldYou(round=1), kind="follow", body=newer)).body == Follow(term=3, leader=A)


# --- whose word a document is -----------------------------------------------------------------------------------------

SITE = SiteDocument(name="shop", generation=2, governance=ANYBODY)
LOCAL = ir(local=True, generation=4)
DOCUMENTS = [
    (ROSTER, "roster/000001", (1,), {"hq"}),
    (SITE, "site", (2,), {"hq"}),
    (CatalogueDocument(generation=3, manifests=""), "catalogue", (3,), {"hq"}),
    (ir(generation=5), "intent/hq/shop", (5,), {"hq"}),
    (LOCAL, "intent/hq/shop", (4,), {"a", "b", "c"}),
    (fit(B, version=7), "fit/b", (7,), {"b"}),
    (plan(term=3, leader=A, number=2), "plan", (3, "a", 2), {"a"}),
]

LATER = Later(place=7, version=3, kind="forecast", said=b"rain")


@pytest.mark.parametrize(
    ("body", "name", "version", "authors"), DOCUMENTS, ids=[f"{d[1]} by {min(d[3])}" for d in DOCUMENTS]
)
def test_n4_p1_a_document_is_the_word_of_one_author_and_nobody_elses(body, name, version, authors) -> None:
    for signer in ("a", "b", "c", "hq", "ann"):
        statement = reopened(said(signer, body), type(body))
        if signer in authors:
            kept = document_of(statement, ROSTER)
            assert (kept.name, kept.version[: len(version)], kept.author) == (name, version, signer)
        else:
            with pytest.raises(Refused, match=f"{signer} may not say"):
                document_of(statement, ROSTER)


def test_what_is_said_in_passing_is_no_document() -> None:
    with pytest.raises(Refused, match="a follow is no document"):
        document_of(reopened(said("a", Follow(term=1, leader=A)), Follow), ROSTER)


@pytest.mark.parametrize("signer", ["a", "hq", "ann"])
def test_n2_what_only_later_versions_can_read_is_anybodys_under_their_own_name(signer) -> None:
    kept = document_of(reopened(said(signer, LATER), Later), ROSTER)
    assert (kept.name, kept.version, kept.author) == (f"later/{signer}/07", (3,), signer)


@pytest.mark.parametrize(
    "too_much", [{"place": LATER_MAX}, {"said": bytes(LATER_BYTES_MAX)}], ids=["so many", "so many bytes"]
)
def test_n2_nobody_keeps_more_of_it_than(too_much) -> None:
    with pytest.raises(Refused, match="a may not say later/a/"):
        document_of(reopened(said("a", msgspec.structs.replace(LATER, **too_much)), Later), ROSTER)


# --- what the disk holds ----------------------------------------------------------------------------------------------


def disk(**documents: Sealed) -> dict[str, bytes]:
    return {f"document/{name.replace('__', '/')}": encode(sealed) for name, sealed in documents.items()}


def test_the_newest_roster_on_disk_says_whose_documents_count() -> None:
    without_b = msgspec.structs.replace(
        ROSTER, version=2, predecessor=digest(ROSTER), members={n: e for n, e in ROSTER.members.items() if n != "b"}
    )
    kept = disk(
        roster__000001=said("hq", ROSTER),
        roster__000002=said("hq", without_b),
        fit__a=said("a", fit(A)),
        fit__b=said("b", fit(B)),
    )
    assert sorted(d.name for d in stored_documents(kept, "shop", VERIFIER)) == [
        "fit/a",
        "roster/000001",
        "roster/000002",
    ]


def test_a_disk_without_a_roster_says_that_the_node_has_to_join() -> None:
    with pytest.raises(Refused, match="join a site first"):
        stored_documents({"election/followed": b""}, "shop", VERIFIER)


def test_a_disk_of_which_no_roster_is_whole_is_damaged() -> None:
    forged = msgspec.structs.replace(said("hq", ROSTER), signature=bytes(64))
    with pytest.raises(msgspec.DecodeError, match="no roster of it is whole"):
        stored_documents(disk(roster__000001=forged), "shop", VERIFIER)


def test_a_life_has_a_name_of_16_digits_whatever_is_drawn() -> None:
    assert {len(life_from(draw)) for draw in (0, 1, 2**63 - 1)} == {16}
    assert life_from(1) != life_from(2)


def test_a_plan_names_its_leader_so_that_nobody_else_can_say_it() -> None:
    stolen = Plan(id=PlanId(term=9, leader=NodeId("b"), number=1), members=(A,), sections={})
    with pytest.raises(Refused, match="a may not say plan"):
        document_of(reopened(said("a", stolen), Plan), ROSTER)
