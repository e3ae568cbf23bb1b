"""Acts 2 to 4: catalogue and intent through the public API, the representation that the site gets, the fits it measures."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from skerry.lab import building
from skerry.lab.demo import looking
from skerry.lab.demo.stage import DemoFailed, Stage

EXAMPLE = Path(str(files("skerry.examples") / "tiered-storage"))
INTENT_FILE = Path(__file__).with_name("intent.yaml")
INTENT = f"{building.MANAGER_NAME}/shop-files"
FITS_WITHIN_S = 120.0
LOADED_BYTES = 1 << 30


def apply(stage: Stage) -> None:
    """D1, D2: what is wanted, not where."""
    stage.act(2, "Catalogue and intent are applied at the manager")
    said = building.apply(stage.lab.folder, stage.lab.state, EXAMPLE / "catalogue.yaml", INTENT_FILE)
    for line in said.strip().splitlines():
        stage.say(line)


def show_representation(stage: Stage) -> None:
    """D3: roles with standards, management roles by the size of the site, governance; the isolated set differs."""
    stage.act(3, "What the site gets: the intermediate representation, one set for connected and one for isolated")
    ir: dict[str, Any] = stage.until(
        "the intent is translated", lambda: stage.lab.manager().get(f"/v1/intents/{INTENT}"), 10
    )
    sets = ir["sets"]
    elements = list(dict.fromkeys([*sets["connected"]["elements"], *sets["isolated"]["elements"]]))
    rows = [
        [element, *(_wanted(sets[name]["elements"].get(element)) for name in ("connected", "isolated"))]
        for element in elements
    ]
    rows.append(
        ["headroom", *(looking.permille(sets[name].get("headroom_permille")) for name in ("connected", "isolated"))]
    )
    stage.table("Roles", ["element", "connected", "isolated"], rows)


def _wanted(spec: dict[str, Any] | None) -> str:
    if spec is None:
        return "left out"
    standards = ", ".join(f"{name} {value}" for name, value in spec.get("standards_text", {}).items())
    return f"{spec.get('instances_min', 1)} × {standards}".strip(" ×")


def fits(stage: Stage) -> None:
    """D8, D9: every node really runs each configuration that it could use; meanwhile one owner takes memory away."""
    stage.act(4, "Every node measures itself, one after the other, by really running what it could be asked to run")
    loaded = _to_be_loaded(stage)
    stage.until(f"{loaded} has reported a fit", lambda: _measured(stage).get(loaded, 0) > 0 or None, FITS_WITHIN_S)
    stage.lab.load(loaded, LOADED_BYTES)
    stage.say(f"the owner of {loaded} takes {LOADED_BYTES >> 20} MiB of it, after it has told what it can do")
    wanted = len(stage.names())
    stage.until("every node has measured itself", lambda: len(complete(stage)) == wanted or None, FITS_WITHIN_S)
    rows = [
        [
            row["node"],
            row["element"],
            name,
            looking.permille(one["fit_permille"]) if one["failure"] is None else "",
            f"{one['operations']} in {one['seconds_milli'] / 1_000:.1f} s",
            one["digest"],
            "disturbed" if one["disturbed"] else "",
            one["failure"],
        ]
        for row in _rows(stage)
        for name, one in row["configurations"].items()
    ]
    columns = ["node", "role", "configuration", "fit", "measured", "digest", "", "why not"]
    stage.table("Measured fit: how many times what is asked for", columns, rows)
    summary = [
        [row["node"], row["element"], looking.permille(row["best_permille"]), looking.permille(row["mean_permille"]),
         "; ".join(f"{name}: {why}" for name, why in row["limitations"].items())]
        for row in _rows(stage)
    ]  # fmt: skip
    stage.table("Per role", ["node", "role", "best", "mean", "limitations"], summary)


def _to_be_loaded(stage: Stage) -> str:
    """One of the nodes with the best assurance, so that it stands high in the ranking and is asked."""
    candidates = [name for name, place in stage.lab.state.nodes.items() if "power.ups" in place.capabilities]
    return candidates[stage.draw("loaded", len(candidates))] if candidates else stage.names()[0]


def _rows(stage: Stage) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = stage.lab.api(stage.names()[0]).get("/v1/fits")["rows"]
    return [row for row in rows if row["intent"] == INTENT]


def _measured(stage: Stage) -> dict[str, int]:
    """By node, how many roles it has told something of."""
    counts: dict[str, int] = {}
    for row in _rows(stage):
        counts[row["node"]] = counts.get(row["node"], 0) + bool(row["configurations"] or row["limitations"])
    return counts


def complete(stage: Stage) -> set[str]:
    """Nodes that have told of every role what they measured or why they cannot."""
    found: dict[str, bool] = {}
    for row in _rows(stage):
        found[row["node"]] = found.get(row["node"], True) and bool(row["configurations"] or row["limitations"])
    if not found:
        raise DemoFailed("no node has reported anything")
    return {node for node, all_told in found.items() if all_told}
