"""Act 9: a local operator hands an intent for something else to a node that does not lead; nobody can be asked."""

from __future__ import annotations

from typing import Any

from skerry.lab import asking, building
from skerry.lab.demo import looking
from skerry.lab.demo.measuring import EXAMPLE
from skerry.lab.demo.stage import Stage
from skerry.lab.state import MANAGER_NAME, LabError

LOCAL = f"{MANAGER_NAME}/notes"
FILLED_WITHIN_S = 60.0


def play(stage: Stage) -> None:
    """D12, U4: the right to do so is checked offline, by the roster; what follows is temporary."""
    stage.act(9, "A local operator asks for something else, at a node that does not lead")
    status = stage.leader()
    others = [name for name in stage.names() if name != status["leader"]]
    at = others[stage.draw("handed in", len(others))]
    _refused(stage, at)
    identity = building.operator(stage.lab.folder)
    asking.skerry(
        stage.lab.state.id,
        *("apply", "--file", EXAMPLE / "notes.yaml", "--server", f"https://{stage.lab.state.node(at).api}"),
        *("--identity", identity),
        cwd=stage.lab.folder,
    )
    stage.say(f"{at} took it: the signature is the operator's, and the roster says that the operator may")

    def filled() -> dict[str, Any] | None:
        found = looking.functionality(stage.leader(), LOCAL)
        return found if found is not None and found["state"] == "satisfied" else None

    found = stage.until("the local intent is satisfied", filled, FILLED_WITHIN_S)
    where = {instance: holder for role in found["roles"] for instance, holder in role["assigned"].items()}
    agreed = {how for role in found["roles"] for how in role["agreed"].values()}
    held = ", ".join(f"{instance} is on {holder}" for instance, holder in sorted(where.items()))
    stage.say(f"it is {found['state']}, for the time being: {held}, {'; '.join(sorted(agreed))}")


def _refused(stage: Stage, at: str) -> None:
    """A key that the roster does not know may not: a node's own, here."""
    try:
        asking.skerry(
            stage.lab.state.id,
            *("apply", "--file", EXAMPLE / "notes.yaml", "--server", f"https://{stage.lab.state.node(at).api}"),
            *("--identity", stage.lab.folder / at),
            cwd=stage.lab.folder,
        )
    except LabError as error:
        stage.say(f"whoever is no operator of the site is refused: {str(error).strip().rpartition('skerry: ')[2]}")
        stage.found["local_refused"] = 1
