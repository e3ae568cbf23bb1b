"""A manager whose store is put back to a backup while its site goes on: afterwards both sides agree, nothing is lost,
and a person sees what was found (J3, J4, interleaving 43)."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.lab import building, processes
from skerry.lab.building import Plan
from skerry.lab.site import Lab
from tests.support.waiting import until

EXAMPLE = Path(__file__).parents[2] / "src" / "skerry" / "examples" / "tiered-storage"
NOTES = EXAMPLE / "notes.yaml"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "site")
    made.up(Plan(nodes=2, site_file=EXAMPLE / "site.yaml"))
    yield made
    made.down()


def site(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.manager().get("/v1/sites/shop")
    return found


def node(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.api("n1").get("/v1/status")
    return found


def stop_manager(lab: Lab) -> None:
    process = lab.state.processes["manager"]
    processes.send(process.pid, signal.SIGTERM)
    until("the manager ends", lambda: not process.alive)


def store(lab: Lab) -> list[Path]:
    return sorted((lab.folder / "manager").glob("manager.db*"))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_manager_that_was_put_back_agrees_with_its_site_again_and_says_what_it_found(
    lab: Lab, tmp_path: Path
) -> None:
    until("the site is heard", lambda: site(lab)["plan"])
    stop_manager(lab)
    backup = tmp_path / "backup"
    backup.mkdir()
    for file in store(lab):
        shutil.copy(file, backup)
    building.start_manager(lab.folder, lab.state)

    until("the manager hears the site again", lambda: not site(lab)["notices"])
    building.apply(lab.folder, lab.state, NOTES)
    until("the site has the new intent", lambda: "intent/hq/notes" in node(lab)["documents"])
    journal = until("the new intent is planned", lambda: planned(lab))
    until("the manager is told", lambda: all_there(site(lab)["journal"], journal))

    stop_manager(lab)
    for file in store(lab):
        file.unlink()
    for file in backup.iterdir():
        shutil.copy(file, lab.folder / "manager")
    building.start_manager(lab.folder, lab.state)

    found = until("what was found is shown", lambda: [n for n in site(lab)["notices"] if "intent/hq/notes" in n])
    assert "found at the site" in found[0]
    until("both sides agree", lambda: agree(lab))
    until("nothing is lost", lambda: all_there(site(lab)["journal"], journal))
    assert not [notice for notice in site(lab)["notices"] if "lost" in notice]
    building.apply(lab.folder, lab.state, NOTES)
    until("a person's word settles it", lambda: not site(lab)["notices"])


def planned(lab: Lab) -> dict[str, int] | None:
    """All that the node knows to be written, once its plan has the intent."""
    status = node(lab)
    heads: dict[str, int] = status["journal"]
    return heads if any(f["intent"] == "hq/notes" and f["digest"] for f in status["functionalities"]) else None


def all_there(held: dict[str, int], heads: dict[str, int]) -> bool:
    return all(held.get(chain, 0) >= head for chain, head in heads.items())


def agree(lab: Lab) -> bool:
    """The same documents on both sides, but for the manager's word on what it has stored by now."""
    sides = [{n: v for n, v in side["documents"].items() if n != "acknowledged"} for side in (site(lab), node(lab))]
    return sides[0] == sides[1]
