"""`pause`, `drain`, `resume` at head office, over a real manager; a member carries the site's own holds up (R4)."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.cli.signing import operators_word
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.intent.holds import Hold
from tests.support.command import Verbs
from tests.support.office import EXAMPLE, Member, RunningManager

pytestmark = pytest.mark.timeout(120)

STORE = "hq/shop-files/store"


@pytest.fixture(scope="module")
def member(manager: RunningManager, tmp_path_factory: pytest.TempPathFactory) -> Member:
    """A node of the site `shop`, which wants what the example wants."""
    manager.apply((EXAMPLE / "intent.yaml").read_text())
    return Member(manager, "shop", "till-1", tmp_path_factory.mktemp("till") / "till-1")


def held(verbs: Verbs) -> set[tuple[str, str, str, str]]:
    rows = verbs.json("get", "holds", "--site", "shop")["holds"]
    return {(r["what"], r["subject"], r["place"], r["why"]) for r in rows if not r["lifted"]}


def brought(member: Member) -> dict[str, tuple[Any, ...]]:
    """What the site has of holds after it has asked."""
    for _ in range(10):  # what does not fit into an answer comes with the next
        if not member.ask().items:
            break
    return {name: version[:2] for name, version in member.held.items() if name.startswith("hold/")}


def test_r4_what_is_held_at_head_office_comes_down_to_the_site_and_so_does_its_end(
    verbs: Verbs, member: Member
) -> None:
    element = next(iter(member_elements(verbs)))
    done = verbs("pause", f"shop-files/{element}", "--why", "stocktaking", "--site", "shop")
    assert (done.code, done.out) == (0, f"hq/shop-files/{element} is paused: hq/shop-files/{element}@hq\n")
    assert verbs("drain", "till-1", "--site", "shop").code == 0
    assert held(verbs) == {("pause", f"hq/shop-files/{element}", "hq", "stocktaking"), ("drain", "till-1", "hq", "")}
    assert f"hq/shop-files/{element}" in verbs("get", "holds", "--site", "shop").out
    name = f"hold/pause/hq/shop-files/{element}@hq"
    assert brought(member)[name] == (1, 0)

    again = verbs("pause", f"shop-files/{element}", "--site", "shop")
    assert (again.code, "is paused already" in again.err) == (1, True)
    for subject in (f"shop-files/{element}", "till-1"):
        assert verbs("resume", subject, "--site", "shop").code == 0
    assert held(verbs) == set()
    assert brought(member)[name] == (1, 1)


def member_elements(verbs: Verbs) -> list[str]:
    irs = verbs.json("describe", "intent", "shop-files")["translated"]["shop"]
    return sorted(irs[0]["sets"]["connected"]["elements"])


def test_r4_what_is_held_at_the_site_itself_is_lifted_at_head_office_only_by_its_name(
    verbs: Verbs, manager: RunningManager, member: Member
) -> None:
    """The word is the operator's, whoever carries it."""
    word = Hold(what="drain", subject="till-1", place="till-1", number=1, why="hands in it")
    member.ask(decode(operators_word(manager.folder / "operators" / "admin", "shop", word), Sealed))
    assert held(verbs) == {("drain", "till-1", "till-1", "hands in it")}
    refused = verbs("resume", "till-1", "--site", "shop")
    assert refused.code == 1
    assert "held at the site itself: till-1@till-1, by admin: hands in it" in refused.err
    assert "--override till-1@till-1" in refused.err
    assert verbs("resume", "till-1", "--site", "shop", "--override", "till-1@elsewhere").code == 1
    assert verbs("resume", "till-1", "--site", "shop", "--override", "till-1@till-1").code == 0
    assert held(verbs) == set()
    assert brought(member)["hold/drain/till-1@till-1"] == (1, 1)


def test_r4_what_is_not_there_is_not_held_and_what_is_not_held_is_not_lifted(verbs: Verbs, member: Member) -> None:
    for words, why in (
        (("drain", "till-9"), "there is no 'till-9' to drain; known: till-1"),
        (("pause", "no-such"), "there is no 'no-such' to pause"),
        (("resume", "till-1"), "nothing holds 'till-1'"),
    ):
        ran = verbs(*words, "--site", "shop")
        assert (ran.code, ran.out) == (1, "")
        assert why in ran.err


def test_r4_a_word_that_is_no_operators_changes_nothing(verbs: Verbs, manager: RunningManager, member: Member) -> None:
    word = Hold(what="drain", subject="till-1", place="hq", number=5)
    status, answer = manager.admin.ask("/v1/holds?site=shop", body=encode(member.say(word)))
    assert (status, "may not say hold/drain" in answer["error"]) == (403, True)
    status, answer = manager.admin.ask("/v1/holds?site=shop", body=b"rubbish")
    assert status == 403
    assert held(verbs) == set()


def test_r4_an_operator_of_the_site_is_not_everybody(manager: RunningManager, member: Member) -> None:
    ran = Verbs(manager, identity=member.folder)("drain", "till-1", "--site", "shop")
    assert (ran.code, ran.out) == (1, "")
    assert "till-1 of site 'shop' may read of that site alone" in ran.err or "an operator" in ran.err


def test_j4_a_manager_that_starts_holds_nothing_before_it_has_heard_the_site(
    verbs: Verbs, manager: RunningManager, member: Member
) -> None:
    member.ask(member.write("plan.committed"))
    manager.end()
    manager.start()
    ran = verbs("drain", "till-1", "--site", "shop")
    assert (ran.code, "site shop was not heard since this manager started" in ran.err) == (1, True)
    brought(member)
    assert verbs("drain", "till-1", "--site", "shop").code == 0
    assert held(verbs) == {("drain", "till-1", "hq", "")}
