"""Two managers have intents at one site, over processes that really run: whoever is cut off is cut off from its own
intents alone, and each ratifies its own (D25, M1, U3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.lab import building, processes
from skerry.lab.building import Plan
from skerry.lab.site import Lab
from tests.support.waiting import until

EXAMPLE = Path(__file__).parents[2] / "src" / "skerry" / "examples" / "tiered-storage"
GREETING = Path(__file__).with_name("greeting.yaml")
HOME, GUEST = "hq", "m2"
OURS, THEIRS = f"{HOME}/greeting", f"{GUEST}/greeting"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "site")
    made.up(Plan(nodes=3, managers=2, site_file=EXAMPLE / "site.yaml"))
    yield made
    made.down()


def status(lab: Lab, node: str = "n1") -> dict[str, Any]:
    found: dict[str, Any] = lab.api(node).get("/v1/status")
    return found


def shown(lab: Lab, intent: str) -> dict[str, Any]:
    return next((f for f in status(lab)["functionalities"] if f["intent"] == intent), {})


def connections(lab: Lab) -> dict[str, str]:
    return {manager["manager"]: manager["mode"] for manager in status(lab)["managers"]}


def active(lab: Lab, intent: str) -> int:
    return sum(len(role["active"]) for role in shown(lab, intent).get("roles", []))


def pids(lab: Lab, node: str | None = None) -> dict[tuple[str, str], int]:
    found = processes.found(lab.state.id)
    return {(one.node, one.instance): one.pid for one in found if one.run and node in (None, one.node)}


def verdicts(lab: Lab) -> dict[str, dict[str, Any]]:
    """The last word of each manager on each intent."""
    at_home = lab.manager().get("/v1/sites/shop")["verdicts"]
    at_guest = building.guest_api(lab.folder, lab.state, GUEST).get("/v1/sites/shop")["verdicts"]
    assert set(at_home) <= {OURS} and set(at_guest) <= {THEIRS}, "each judges what it owns, and nothing else"
    return {**at_home, **at_guest}


def final(lab: Lab, *, temporary: bool) -> bool:
    """Whether each has ratified its own section of the plan in force."""
    said, plan = verdicts(lab), status(lab)["plan"]
    return {OURS, THEIRS} == set(said) and all(
        (word["word"], word["temporary"], word["plan"]) == ("final", temporary, plan) for word in said.values()
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_d25_who_is_cut_off_is_cut_off_from_its_own_intents_alone_and_each_ratifies_its_own(lab: Lab) -> None:
    building.apply(lab.folder, lab.state, GREETING)
    building.apply(lab.folder, lab.state, GREETING, guest=GUEST)
    until("both are satisfied", lambda: all(shown(lab, i).get("state") == "satisfied" for i in (OURS, THEIRS)))
    until("each ratifies its own", lambda: final(lab, temporary=False))
    before = pids(lab)

    lab.cut(GUEST)
    until("the guest is gone", lambda: connections(lab) == {HOME: "connected", GUEST: "isolated"})
    until("its intent has switched", lambda: active(lab, THEIRS) == 2)
    assert active(lab, OURS) == 1
    assert pids(lab).items() >= before.items(), "healthy work is not touched"

    lab.cut(HOME)
    until("head office is gone, too", lambda: set(connections(lab).values()) == {"isolated"})
    until("both have switched", lambda: (active(lab, OURS), active(lab, THEIRS)) == (2, 2))
    gone = "n3" if status(lab)["leader"] != "n3" else "n2"
    lab.kill(gone)
    until("it is planned without the lost node", lambda: gone not in plan_members(lab))
    stays = {at: pid for at, pid in before.items() if at[0] != gone and at in pids(lab)}

    lab.heal()
    until("each ratifies its own of what was decided without it", lambda: final(lab, temporary=True))
    until("both are there again", lambda: set(connections(lab).values()) == {"connected"})
    assert pids(lab).items() >= stays.items(), "healthy work is not touched"


def plan_members(lab: Lab) -> list[str]:
    found: list[str] = lab.api("n1").get("/v1/plan")["members"]
    return found
