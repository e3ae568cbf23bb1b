"""Acts 10 and 11: the silent ones wake up while the site is still cut off; then the uplink returns."""

from __future__ import annotations

from typing import Any

from skerry.lab import asking
from skerry.lab.demo import looking, measuring
from skerry.lab.demo.agreeing import events, satisfied
from skerry.lab.demo.cutting import all_in_mode
from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import DemoFailed, Stage

JOINED_WITHIN_S = 40.0
AGREED_WITHIN_S = 30.0
CONNECTED_WITHIN_S = 60.0
RATES = tuple(range(50, 5_000, 25))
"""Of gets a second that may be asked for, in the catalogue's bounds."""


def thaw(stage: Stage, name: str) -> None:
    """I2: who was leader once finds out before it does any harm."""
    stage.act(10, "Still cut off: the silent leader wakes up, the silent reporter is power-cycled")
    stage.mark("thawed", fault=True, node=name)
    stage.lab.thaw(name)
    stage.off.discard(name)

    def settled() -> dict[str, Any] | None:
        status = stage.leader()
        return status if status["leader"] != name and looking.holder(status, INTENT, "placement") != name else None

    status = stage.until(f"{name} follows", settled, JOINED_WITHIN_S)
    late = stage.figures()["late_answers"]
    stage.say(f"{name} follows {status['leader']}; its placement is over: {late} late answers came and were refused")


def power_cycle(stage: Stage, name: str) -> None:
    """U1: what may run anywhere runs again with nobody's permission, before the first word with a peer."""
    stage.mark("killed", fault=True, node=name)
    stage.lab.kill(name)
    stage.lab.start(name)
    stage.off.discard(name)

    def up() -> list[dict[str, Any]] | None:
        said = [event for event in events(stage, "role.active", [name]) if event["about"].startswith(INTENT)]
        return said or None

    if not _had_work(stage, name):
        stage.say(f"{name} had no work when it fell silent; it joins again")
    else:
        first = stage.until(f"{name} works again", up, JOINED_WITHIN_S)[0]
        made = events(stage, "contact.made", [name])
        order = "before" if not made or first["number"] < made[0]["number"] else "after"
        starting = events(stage, "role.starting", [name])
        if starting and made and starting[0]["number"] > made[0]["number"]:
            raise DemoFailed(f"{name} waited for a peer before it started its work")
        stage.say(f"{name} runs {first['about']} again from its own disk, {order} its first word with a peer")
    stage.until("all nodes are together again", lambda: _together(stage), JOINED_WITHIN_S)


def _had_work(stage: Stage, name: str) -> bool:
    return bool(events(stage, "role.starting", [name]) or events(stage, "role.active", [name]))


def _together(stage: Stage) -> bool | None:
    return len(stage.leader()["part"]) == len(stage.lab.state.nodes) or None


def raise_limit(stage: Stage) -> dict[str, str]:
    """Head office asks for more than one holder measured; the site cannot know yet. Returns who will have to move."""
    stage.act(11, "Meanwhile head office raises a limit; then the uplink returns")
    status = stage.leader()
    rows = {
        (row["node"], row["element"]): row["configurations"]
        for row in stage.lab.api(stage.names()[0]).get("/v1/fits")["rows"]
        if row["intent"] == INTENT
    }
    chosen = _rate_for_one(rows, _held(stage), status)
    if chosen is None:
        raise DemoFailed("no rate was found that one holder cannot reach and another node can")
    rate, instance, holder = chosen
    text = measuring.INTENT_FILE.read_text().replace("getRate: 500/s", f"getRate: {rate}/s")
    code, said = stage.lab.manager().ask("/v1/apply", body=text.encode())
    if code != 200:
        raise DemoFailed(f"the manager refused the new limit: {said}")
    stage.say(f"getRate is {rate}/s now: more than {holder} measured for {instance}; nobody at the site knows yet")
    return {instance: holder}


def _held(stage: Stage) -> dict[str, dict[str, Any]]:
    section: dict[str, dict[str, Any]] = stage.lab.api(stage.names()[0]).get("/v1/plan")["sections"][INTENT][
        "connected"
    ]
    return section


def _rate_for_one(
    rows: dict[tuple[str, str], dict[str, Any]], held: dict[str, dict[str, Any]], status: dict[str, Any]
) -> tuple[int, str, str] | None:
    """The lowest rate of gets that exactly one holder of a role did not measure, and some node without it did."""
    busy = {a["holder"] for name, a in held.items() if "/store#" in name}
    for rate in RATES:
        short = [
            (name, a["holder"])
            for name, a in held.items()
            if not _reaches(rows.get((a["holder"], a["element"]), {}).get(a["configuration"]), a["element"], rate)
        ]
        if len(short) != 1 or "/store#" not in short[0][0]:
            if short and all("/store#" not in name for name, _ in short):
                return None
            continue
        able = [
            node
            for (node, element), configurations in rows.items()
            if element == "store" and node not in busy
            and any(_reaches(one, element, rate) for one in configurations.values())
        ]  # fmt: skip
        if able:
            return rate, *short[0]
    return None


def _reaches(measured: dict[str, Any] | None, element: str, gets: int) -> bool:
    """Whether a measurement meets the connected set's standards at that rate, with room to spare."""
    if measured is None or measured["failure"] is not None:
        return False
    figures = measured["figures_milli"]
    wanted = {"store": ("getRate", gets), "intake": ("requestRate", gets + 200)}.get(element)
    return wanted is None or figures.get(wanted[0], 0) >= wanted[1] * 1_150


def heal(stage: Stage, moving: dict[str, str]) -> None:
    """D18, U2: the journal is verified, each section gets a word, one role moves, nobody notices."""
    stage.mark("healed", fault=True, nodes=stage.names())
    stage.lab.heal()
    stage.say("the relay forwards again")
    site = stage.until("both sides agree", lambda: agreed(stage), AGREED_WITHIN_S)
    rows = [[intent, v["word"], v["plan"], v["digest"], v["reason"]] for intent, v in site["verdicts"].items()]
    stage.table(
        "What head office says to what the site decided alone", ["intent", "word", "plan", "digest", "why"], rows
    )
    stage.until("the site is connected again", lambda: all_in_mode(stage, "connected"), CONNECTED_WITHIN_S)
    for instance, holder in moving.items():

        def moved(instance: str = instance, holder: str = holder) -> str | None:
            where = looking.active(stage.leader(), INTENT).get(instance)
            return where if where is not None and where != holder else None

        to = stage.until(f"{instance} moves away from {holder}", moved, CONNECTED_WITHIN_S)
        stage.say(f"{instance} has moved from {holder} to {to}, which can do what is asked for now")
    stage.until("the connected set is in force", lambda: _connected_set(stage), CONNECTED_WITHIN_S)
    words = stage.lab.manager().get(f"/v1/sites/{stage.lab.state.site}/verdicts")["verdicts"]
    stage.found["ratified"] = sum(v["word"] == "final" and v["temporary"] for v in words)
    stage.found["replaced"] = sum(v["word"] == "replaced" and v["temporary"] for v in words)


def agreed(stage: Stage) -> dict[str, Any] | None:
    """What the manager knows of the site, once it and every node hold the same plan and the same words on it."""
    try:
        site: dict[str, Any] = stage.lab.manager().get(f"/v1/sites/{stage.lab.state.site}", 2)
    except asking.Unanswered as error:
        raise DemoFailed(str(error)) from error
    for name in stage.names():
        status = stage.status(name)
        if status["plan"] != site["plan"]:
            raise DemoFailed(f"{name} holds plan {status['plan']}, the manager {site['plan']}")
        lacking = {
            document: version
            for document, version in site["documents"].items()
            if document.startswith("verdict/") and status["documents"].get(document) != version
        }
        if lacking or not site["verdicts"]:
            raise DemoFailed(f"{name} lacks {lacking}")
    return site


def _connected_set(stage: Stage) -> bool | None:
    status = satisfied(stage)
    if status is None:
        return None
    found = looking.functionality(status, INTENT)
    assert found is not None
    running = set(looking.active(status, INTENT))
    wanted = {instance for role in found["roles"] for instance in role["assigned"]}
    if running != wanted:
        raise DemoFailed(f"running {sorted(running)}, wanted {sorted(wanted)}")
    return True
