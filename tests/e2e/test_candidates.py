"""Who is asked, and who says no, over processes that really run: caps that owners swap swap ranks (D11), and a voter
says no to whom it has measured, slowed, and to nobody else (P5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.lab.building import Plan
from skerry.lab.site import Lab
from tests.support.waiting import until

EXAMPLE = Path(__file__).parents[2] / "src" / "skerry" / "examples" / "tiered-storage"
EVERYWHERE = Path(__file__).with_name("everywhere.yaml")
ENOUGH = 5
"""Figures that a no from experience needs."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("candidates") / "site")
    made.up(Plan(nodes=3, site_file=EXAMPLE / "site.yaml", files=(EVERYWHERE,)))
    yield made
    made.down()


def apply(lab: Lab, name: str) -> None:
    """Somebody wants the same under this name."""
    intent = (
        f"apiVersion: skerry/v1\nkind: Intent\nmetadata: {{name: {name}}}\n"
        "spec: {functionality: everywhere@1, sites: {matchLabels: {type: shop}}}\n"
    )
    assert lab.manager().ask("/v1/apply", body=intent.encode())[0] == 200


def wanted(lab: Lab, name: str) -> str:
    """An intent is applied, and every machine has one of it."""
    apply(lab, name)
    until(f"hq/{name} is everywhere", lambda: len(running(lab, f"hq/{name}")) == len(lab.state.nodes))
    return f"hq/{name}"


def status(lab: Lab) -> dict[str, Any]:
    """What the leader says."""
    leader: str = lab.api("n1").get("/v1/status")["leader"]
    found: dict[str, Any] = lab.api(leader).get("/v1/status")
    return found


def running(lab: Lab, intent: str) -> set[str]:
    """The nodes that have one of an intent."""
    return {
        member["node"]
        for member in status(lab)["members"]
        for one in member["instances"]
        if one["phase"] == "active" and one["instance"].startswith(f"{intent}/")
    }


def ranks(lab: Lab, intent: str) -> list[str]:
    """In which order the leader would have had the machines for the first place."""
    told = lab.api(status(lab)["leader"]).get(f"/v1/explain?instance={intent}/greet%231")
    return [candidate["node"] for candidate in told["rankings"][0]["candidates"]]


def swap_caps(lab: Lab, one: str, other: str) -> None:
    """Both owners offer what the other did, and start their machines again."""
    files = [lab.folder / name / "node.yaml" for name in (one, other)]
    texts = [file.read_text() for file in files]
    offers = [re.search(r"offers: \{.*?\}", text) for text in texts]
    for name, file, text, mine, theirs in zip((one, other), files, texts, offers, offers[::-1], strict=True):
        assert mine is not None and theirs is not None
        lab.kill(name)
        file.write_text(text.replace(mine[0], theirs[0]))
        lab.start(name)
    until("both have measured themselves anew", lambda: all(happened(lab, n, "fit.measured") for n in (one, other)))


def happened(lab: Lab, node: str, what: str) -> list[dict[str, Any]]:
    """A node's events of one kind, since its agent was started."""
    return [event for event in lab.api(node).get("/v1/events?after=0")["events"] if event["what"] == what]


def noes(lab: Lab, voter: str) -> list[dict[str, Any]]:
    """What a voter said against others, with evidence."""
    return [no["data"] for no in happened(lab, voter, "ballot.no") if no["data"]["evidence"]]


def measured(lab: Lab, by: str) -> dict[str, dict[str, Any]]:
    """What a node measured of others since its agent was started, by the entry of its journal."""
    life = lab.api(by).get("/v1/status")["life"]
    entries = lab.api(by).get("/v1/journal?after=0")["entries"]
    own = [entry for entry in entries if entry["what"] == "validated" and entry["chain"] == f"{by}/{life}"]
    return {f"{entry['chain']}#{entry['number']}": entry["data"] for entry in own}


def test_p5_a_voter_says_no_to_the_slowed_machine_and_to_no_other_that_it_knows_as_well(lab: Lab) -> None:
    wanted(lab, "first")
    said = status(lab)
    [validator] = said["management"]["validator"]
    [slowed] = set(lab.state.nodes) - {said["leader"], validator}
    lab.slow(slowed, 200)

    def known() -> bool:
        figures = list(measured(lab, validator).values())
        return all(sum(one["holder"] == node for one in figures) >= ENOUGH for node in (said["leader"], slowed))

    until("the validator has found the slow machine out", lambda: happened(lab, validator, "role.contradicted"))
    until("it knows both of the others well", known)
    assert noes(lab, validator) == []
    apply(lab, "second")
    against = until("it says no", lambda: noes(lab, validator))
    lab.slow(slowed, None)
    assert {measured(lab, validator)[no["evidence"]]["holder"] for no in against} == {slowed}
    assert all("of the floor" in no["why"] for no in against)


def test_d11_two_owners_that_swap_their_caps_see_their_machines_ranks_swap(lab: Lab) -> None:
    assert ranks(lab, wanted(lab, "before")) == ["n1", "n3", "n2"], "n3 offers two processors, n2 one"
    swap_caps(lab, "n2", "n3")
    assert ranks(lab, wanted(lab, "after")) == ["n1", "n2", "n3"]
