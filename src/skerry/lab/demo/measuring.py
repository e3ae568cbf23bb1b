"""Acts 2 to 4: catalogue and intent through the public API, the representation that the site gets, measured fits."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from skerry.lab import building
from skerry.lab.demo import looking
from skerry.lab.demo.stage import DemoFailed, Stage
from skerry.lab.state import MANAGER_NAME

EXAMPLE = Path(str(files("skerry.examples") / "tiered-storage"))
INTENT_FILE = Path(__file__).with_name("intent.yaml")
INTENT = f"{MANAGER_NAME}/shop-files"
FITS_WITHIN_S = 120.0
STORE_CONFIGURATIONS = 2


def apply(stage: Stage, catalogue: Path) -> None:
    """D1, D2: what is wanted, not where."""
    stage.act(2, "Catalogue and intent are applied at the manager")
    for one in building.apply(stage.lab.folder, stage.lab.state, catalogue, INTENT_FILE):
        stage.say(f"{one['kind']} {one['name']}: {one['change']}")


def representation(stage: Stage) -> dict[str, Any]:
    """What the site gets of the intent, as the manager wrote it."""
    irs = stage.lab.manager().get(f"/v1/sites/{stage.lab.state.site}/irs")["irs"]
    found: dict[str, Any] | None = next((ir for ir in irs if ir["intent"] == INTENT), None)
    if found is None:
        raise DemoFailed(f"the manager has no representation of {INTENT}")
    return found


def show_representation(stage: Stage) -> None:
    """D3: roles with standards, management roles by the size of the site, governance; the isolated set differs."""
    stage.act(3, "What the site gets: the intermediate representation, one set for connected and one for isolated")
    ir = stage.until("the intent is translated", lambda: representation(stage), 10)
    sets = [ir["sets"][name]["elements"] for name in ("connected", "isolated")]
    rows = [[e, *(_wanted(one.get(e)) for one in sets)] for e in dict.fromkeys([*sets[0], *sets[1]])]
    stage.table("Service roles: how many, and what each must reach", ["role", "connected", "when cut off"], rows)
    governance = ir["governance"]
    rows = [[row["when"], ", ".join(row["roles"])] for row in governance["management"]]
    stage.table("Management roles, by the size of the site", ["when", "roles"], rows)
    rows = [[c["when"], c["by"], c["of"], c["silent_rounds"]] for c in governance["assent"]]
    stage.table("Governance: whose yes is needed", ["when", "by", "of", "silent rounds before the next"], rows)


def _wanted(spec: dict[str, Any] | None) -> str:
    if spec is None:
        return "left out"
    standards = ", ".join(
        f"{s['metric']} {'≥' if s['at_least_milli'] is not None else '≤'} "
        f"{(s['at_least_milli'] if s['at_least_milli'] is not None else s['at_most_milli']) / 1_000:g}"
        for s in spec["standards"]
    )
    return f"{spec['instances']} × {standards}, by a factor of {spec['headroom_permille'] / 1_000:g}"


def fits(stage: Stage) -> None:
    """D8, D9: every node really runs each configuration that it could use."""
    stage.act(4, "Every node measures itself, one after the other, by really running what it could be asked to run")
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


def _rows(stage: Stage) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = stage.lab.api(stage.names()[0]).get("/v1/fits")["rows"]
    return [row for row in rows if row["intent"] == INTENT]


def complete(stage: Stage) -> set[str]:
    """Nodes that have told of every configuration of every role what they measured, or why they cannot."""
    told: dict[str, dict[str, set[str]]] = {}
    known: dict[str, set[str]] = {}
    for row in _rows(stage):
        names = {*row["configurations"], *row["limitations"]}
        told.setdefault(row["node"], {})[row["element"]] = names
        known.setdefault(row["element"], set()).update(names)
    if not all(known.values()) or not known:
        raise DemoFailed("some role has not been measured by any node")
    # Which configurations there are is known from what the nodes tell; the store has two.
    return {node for node, roles in told.items() if all(roles.get(e) == known[e] for e in known)} & _done(told)


def _done(told: dict[str, dict[str, set[str]]]) -> set[str]:
    return {node for node, roles in told.items() if len(roles.get("store", ())) >= STORE_CONFIGURATIONS}
