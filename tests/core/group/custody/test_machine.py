"""Documents that members keep for each other, and who sends what (C2)."""

from __future__ import annotations

import pytest

from skerry.core.group.custody.machine import Custody, packed, stored_key
from skerry.core.group.custody.model import CARRY_BYTES_MAX, CARRY_MAX, Carry, Kept, Version, is_older
from skerry.core.kernel.effects import Put, Send
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode
from tests.core.things import A, B, C, D


def document(name: str = "site", version: Version = (1,), author: str = "hq", size: int = 10) -> Kept:
    sealed = Sealed(statement=f"{name} {version}".encode().ljust(size, b"."), signature=b"good")
    return Kept(name=name, version=version, author=author, value=None, sealed=sealed)


def custody(me: NodeId, *documents: Kept) -> Custody:
    made = Custody(me=me)
    for one in documents:
        made.keep(one)
    return made


def test_what_is_kept_is_on_disk_as_its_author_signed_it() -> None:
    one = document()
    done = Custody(me=A).keep(one)
    put = done.persist[0]
    assert isinstance(put, Put)
    assert (put.key, decode(put.value, Sealed)) == ("document/site", one.sealed)


@pytest.mark.parametrize(
    ("held", "offered", "news"),
    [((1,), (2,), True), ((2,), (2,), False), ((2,), (1,), False), ((1, "b", 9), (2, "a", 1), True)],
)
def test_only_a_higher_version_is_news(held: Version, offered: Version, news: bool) -> None:
    assert custody(A, document(version=held)).newer("site", offered) is news
    assert Custody(me=A).newer("site", offered)


def test_a_document_changes_the_version_of_its_own_kind_and_of_the_whole() -> None:
    made = custody(A, document("intent/one"))
    before = {kind: shelf.version for kind, shelf in made.shelves.items()}
    made.keep(document("fit/b"))
    grown = {kind for kind, shelf in made.shelves.items() if shelf.version != before[kind]}
    assert (grown, made.version) == ({"fit"}, 2)
    watched = made.shelves["fit"].version
    made.keep(document("fit/c"))
    assert made.shelves["fit"].version != watched


def test_what_a_node_has_signed_itself_has_a_version_of_its_own() -> None:
    made = custody(A, document("fit/a", author="a"), document("leave/a", author="a"), document("fit/b", author="b"))
    assert (made.own.version, made.version) == (2, 3)


def test_c2_what_a_node_holds_is_told_by_name_and_in_order() -> None:
    made = custody(A, document("site", (3,)), document("plan", (1, "a", 2)))
    assert list(made.versions().items()) == [("plan", (1, "a", 2)), ("site", (3,))]
    assert made.beyond({"site": (3,), "plan": (1, "a", 2)}) == []
    assert stored_key("plan") == "document/plan"


def test_c2_nobody_lacks_the_version_that_it_holds() -> None:
    assert is_older((1,), (2,))
    assert not is_older((2,), (2,))
    assert not is_older((3,), (2,))


SENDERS = [
    # author, leader, others that hold it -> who sends it to d
    ("a", B, (A, B, C), A),
    ("hq", B, (A, B, C), B),
    ("hq", D, (A, B, C), A),
    ("hq", None, (B, C), B),
    ("d", None, (A, B), A),
]


@pytest.mark.parametrize(("author", "leader", "holders", "sender"), SENDERS)
def test_c2_the_author_sends_it_else_the_leader_else_the_least_name(author, leader, holders, sender) -> None:
    one = document(author=author)
    everybody = {n: {"site": one.version} for n in holders}
    senders = []
    for me in holders:
        others = {n: held for n, held in everybody.items() if n != me} | {D: {}}
        if custody(me, one).lacking(D, {}, others, leader):
            senders.append(me)
    assert senders == [sender]


def test_c2_who_holds_an_older_version_is_no_sender() -> None:
    one = document(version=(2,))
    assert custody(B, one).lacking(D, {}, {A: {"site": (1,)}, D: {}}, A) == [one.sealed]


def test_c2_nothing_is_sent_to_who_holds_the_same_or_a_newer_one() -> None:
    held = custody(A, document(version=(2,)))
    assert held.lacking(B, {"site": (2,)}, {}, A) == []
    assert held.lacking(B, {"site": (3,)}, {}, A) == []
    assert len(held.lacking(B, {"site": (1,)}, {}, A)) == 1


def test_c2_what_is_lacked_is_sent_beside_what_is_not() -> None:
    one, other = document("intent/one"), document("intent/other")
    assert custody(A, one, other).lacking(B, {"intent/one": (1,)}, {}, A) == [other.sealed]


def test_c2_what_a_peer_says_that_it_holds_does_not_make_it_its_own_sender() -> None:
    one = document(version=(2,), author="b")
    assert custody(A, one).lacking(B, {}, {B: {"site": (2,)}}, None) == [one.sealed]


def test_c2_who_claims_a_version_that_can_be_compared_to_nothing_is_sent_the_real_one() -> None:
    one = document(version=(2,))
    assert custody(A, one).lacking(B, {"site": ("nonsense",)}, {}, A) == [one.sealed]


def test_several_documents_for_a_peer_go_in_one_message_to_that_peer() -> None:
    two = [document(name).sealed for name in ("intent/one", "intent/other")]
    assert packed(B, two) == (Send(to=B, message=Carry(items=tuple(two))),)


def test_each_document_of_a_message_counts_with_a_hundred_bytes_around_it() -> None:
    half = CARRY_BYTES_MAX // 2
    fitting = [document(name, size=half - 100).sealed for name in ("intent/one", "intent/other")]
    assert packed(B, fitting)[0].message.items == tuple(fitting)
    beside = [fitting[0], document("intent/other", size=half - 99).sealed]
    assert packed(B, beside)[0].message == fitting[0]


def test_a_message_is_bounded_in_number_and_in_bytes_but_one_large_document_passes() -> None:
    many = [document(f"n{i}").sealed for i in range(CARRY_MAX + 5)]
    assert len(packed(B, many)[0].message.items) == CARRY_MAX
    large = [document(f"n{i}", size=CARRY_BYTES_MAX * 2 // 3).sealed for i in range(3)]
    assert packed(B, large)[0].message == large[0], "a single one goes as it is"
    largest = document(size=2 * CARRY_BYTES_MAX).sealed
    assert packed(B, [largest])[0].message == largest
    assert packed(B, []) == ()
