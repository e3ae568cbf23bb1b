"""Act 11, its first half: head office asks for more than one holder measured, while the site cannot know of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import median

from skerry.adapters.manifests import load_file
from skerry.core.stages.intent.model import Functionality, Intent
from skerry.core.stages.intent.model.quantities import parse
from skerry.lab.demo import limits, measuring
from skerry.lab.demo.dying import journal
from skerry.lab.demo.limits import Key
from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import DemoFailed, Stage

RATES = (limits.PUTS, limits.GETS)


def play(stage: Stage) -> dict[str, str]:
    """Head office asks for more than one holder measured; the site cannot know yet. Returns who will have to move."""
    stage.act(11, "Meanwhile head office raises a limit; then the uplink returns")
    asked, ceilings = asked_for(), ceiling()
    sites = measured_site(stage, "isolated"), measured_site(stage, "connected")
    # Rather one that holds by what others measured, too, and whose next holder has the headroom of either set; if need
    # be, of the set that will be in force, or one that what ends with the cut cannot reach either.
    told = [*sites, *(site._replace(seen_milli={}) for site in sites)]
    choices = [*told, *(site.connected() for site in told)]
    raised = next((found for site in choices if (found := site.raised(asked, ceilings)) is not None), None)
    if raised is None:
        raise DemoFailed(f"no limit was found that one holder cannot reach and another node can; {_known(sites[0])}")
    code, said = stage.lab.manager().ask("/v1/apply", body=with_rates(raised.rates).encode())
    if code != 200:
        raise DemoFailed(f"the manager refused the new limit: {said}")
    stage.say(
        f"{raised.rates['putRate']} puts and {raised.rates['getRate']} gets a second are asked for now: more than "
        f"{raised.holder} measured for {raised.instance}; no figure that counts lies nearer to that than a factor of "
        f"{raised.margin_permille / 1_000:.2f}"
    )
    return {raised.instance: raised.holder}


def asked_for() -> dict[str, int]:
    """The rates that the demonstration's intent asks for, a second."""
    intent = next(d.manifest for d in load_file(measuring.INTENT_FILE) if isinstance(d.manifest, Intent))
    return {name: parse(str(intent.spec.limits[name]), "rate") // 1_000 for name in RATES}


def ceiling() -> dict[str, int]:
    """The highest rates that the catalogue lets an intent ask for, a second."""
    functionality = next(
        document.manifest
        for document in load_file(measuring.EXAMPLE / "catalogue.yaml")
        if isinstance(document.manifest, Functionality) and document.manifest.metadata.name == "tiered-storage"
    )
    limits = functionality.spec.limits
    return {name: parse(str(limits[name].max), "rate") // 1_000 for name in RATES}


def with_rates(rates: Mapping[str, int]) -> str:
    """The demonstration's intent, asking for other rates."""
    text = measuring.INTENT_FILE.read_text()
    for name, rate in rates.items():
        text, count = re.subn(rf"{name}: [0-9]+/s", f"{name}: {rate}/s", text)
        assert count == 1, "the intent asks for each rate once"
    return text


def measured_site(stage: Stage, demanding: str) -> limits.Site:
    """What nodes measured, and who holds what, from the public API of one of them; the headroom of one of the sets."""
    api = stage.lab.api(stage.names()[0])
    rows = [row for row in api.get("/v1/fits")["rows"] if row["intent"] == INTENT]
    section = api.get("/v1/plan")["sections"][INTENT]
    sets = measuring.representation(stage)["sets"]
    wanted = {
        f"{INTENT}/{element}#{number + 1}"
        for element, spec in sets["connected"]["elements"].items()
        for number in range(spec["instances"])
    }
    told = {
        (row["node"], row["element"], name): one
        for row in rows
        for name, one in row["configurations"].items()
        if one["failure"] is None
    }
    return limits.Site(
        figures_milli={key: one["figures_milli"] for key, one in told.items()},
        seen_milli=_seen(stage, {(node, one["digest"]): (node, *of) for (node, *of), one in told.items()}),
        assigned=[
            limits.Assigned(instance, one["element"], one["holder"], one["configuration"], instance in wanted)
            for which in ("connected", "isolated")
            for instance, one in section[which].items()
        ],
        headroom_permille=sets[demanding]["elements"]["store"]["headroom_permille"],
        unfit=stage.slowed,
    )


def _known(site: limits.Site) -> str:
    """What there was to choose from."""
    held = ", ".join(sorted({f"{one.instance.rpartition('/')[2]} on {one.holder}" for one in site.assigned}))
    measured = "; ".join(
        f"{node} {name} {', '.join(f'{rate} {milli // 1_000}' for rate, milli in sorted(figures.items()))}"
        for (node, element, name), figures in sorted(site.figures_milli.items())
        if element != "migrate"
    )
    return f"held: {held}; measured: {measured}"


def _seen(stage: Stage, keys: Mapping[tuple[str, str], Key]) -> dict[Key, limits.Rates]:
    """What others measured of those who hold something: the median of each figure, by the journal."""
    found: dict[Key, dict[str, list[int]]] = {}
    for entry in journal(stage, stage.names()[0]):
        data = entry["data"]
        key = keys.get((data["holder"], data["digest"])) if entry["what"] == "validated" else None
        if key is not None and data["failure"] is None:
            for name, milli in data["figures_milli"].items():
                found.setdefault(key, {}).setdefault(name, []).append(milli)
    return {key: {name: round(median(given)) for name, given in all_.items()} for key, all_ in found.items()}
