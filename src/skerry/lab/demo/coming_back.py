"""Acts 10 and 11: the silent ones wake up while the site is still cut off; then the uplink returns."""

from __future__ import annotations

from typing import Any

from skerry.lab import asking
from skerry.lab.demo import looking
from skerry.lab.demo.agreeing import events, satisfied
from skerry.lab.demo.cutting import all_in_mode
from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import DemoFailed, Stage

JOINED_WITHIN_S = 40.0
AGREED_WITHIN_S = 30.0
CONNECTED_WITHIN_S = 60.0
FAILURES_SHOWN = 5


def thaw(stage: Stage, name: str) -> None:
    """I2: who was leader once finds out before it does any harm."""
    stage.act(10, "Still cut off: the silent leader wakes up, the silent reporter is power-cycled")
    stage.fault("thawed", node=name)
    stage.lab.thaw(name)
    stage.off.discard(name)

    def settled() -> dict[str, Any]:
        status = satisfied(stage)
        fence = looking.fence(status, INTENT, "placement")
        if name not in status["part"] or fence is None or fence <= stage.fences.get(name, 0):
            raise DemoFailed(f"{status['leader']} leads {status['part']}, placement has fence {fence}")
        return status

    status = stage.until(f"{name} is one of the others again", settled, JOINED_WITHIN_S)
    to_clients, to_services = stage.figures()["late_answers"], looking.refused_by_fence(status, INTENT)
    stage.found["late_answers"] = to_clients + to_services
    now = looking.fence(status, INTENT, "placement")
    over = (
        f"what it ran alone is over (fence {stage.fences[name]} against {now})"
        if name in stage.fences
        else ("it held nothing that may not be double")
    )
    stage.say(
        f"{name} is back under {status['leader']}, in term {status['term']}; {over}; of what was still said under an "
        f"older fence, clients refused {to_clients}, intakes and stores {to_services}"
    )


def power_cycle(stage: Stage, name: str) -> None:
    """U1: what may run anywhere runs again with nobody's permission, before the first word with a peer."""
    stage.fault("killed", node=name)
    stage.lab.kill(name)
    stage.lab.start(name)
    stage.off.discard(name)

    def at_work() -> tuple[int, str] | None:
        """Its first word about work of its own since this start."""
        said = events(stage, "role.starting", [name]) + events(stage, "workload.adopted", [name])
        return min(((int(event["number"]), str(event["about"])) for event in said), default=None)

    if not stage.held.get(name):
        stage.say(f"{name} held nothing that may run anywhere when it fell silent; it joins again")
    else:
        number, what = stage.until(f"{name} works again", at_work, JOINED_WITHIN_S)
        made = events(stage, "contact.made", [name])
        if made and int(made[0]["number"]) < number:
            raise DemoFailed(f"{name} waited for a peer before it started its work")
        stage.say(f"{name} runs {what} again from its own disk, before its first word with a peer")
    stage.until("all nodes are together again", lambda: _together(stage), JOINED_WITHIN_S)


def _together(stage: Stage) -> bool | None:
    return len(stage.leader()["part"]) == len(stage.lab.state.nodes) or None


def heal(stage: Stage, moving: dict[str, str]) -> None:
    """D18, U2: the journal is verified, each section gets a word, one role moves, nobody notices."""
    held, failed = _held(stage), stage.figures()["client_failures"]
    healed_ms = stage.fault("healed", nodes=stage.names())
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
    besides = {i: to for i, to in _held(stage).items() if held.get(i, to) != to and i not in moving}
    stage.found["moved_besides"] = len(besides)
    stage.found["failed_on_reconnection"] = stage.figures()["client_failures"] - failed
    stage.say(
        f"of all the other roles {len(besides)} have moved{''.join(f', {i} to {to}' for i, to in besides.items())}; "
        f"{stage.found['failed_on_reconnection']} requests have failed since the relay forwards again"
    )
    for line in stage.unanswered(since_ms=healed_ms)[:FAILURES_SHOWN]:
        stage.say(
            f"{line['op']} {line['name']} failed {line['t_mono_ms'] - healed_ms:,} ms after that, having taken "
            f"{line['ms']:,} ms at {line['instance']} on {line['node']}: {line['error']}"
        )
    words = stage.lab.manager().get(f"/v1/sites/{stage.lab.state.site}/verdicts")["verdicts"]
    stage.found["ratified"] = sum(v["word"] == "final" and v["temporary"] for v in words)
    stage.found["replaced"] = sum(v["word"] == "replaced" and v["temporary"] for v in words)


def _held(stage: Stage) -> dict[str, str]:
    """Who holds what in the connected set of the plan in force."""
    plan = stage.lab.api(stage.names()[0]).get("/v1/plan")
    return {instance: one["holder"] for instance, one in plan["sections"][INTENT]["connected"].items()}


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
        if lacking:
            raise DemoFailed(f"{name} lacks {lacking}")
    for intent, digest in site["plan_digests"].items():
        word = site["verdicts"].get(intent)
        if word is None or (word["plan"], word["digest"]) != (site["plan"], digest):
            raise DemoFailed(f"the manager has no word on {intent} of plan {site['plan']} yet")
    return site


def _connected_set(stage: Stage) -> bool | None:
    status = satisfied(stage)
    found = looking.functionality(status, INTENT)
    assert found is not None
    running = set(looking.active(status, INTENT))
    wanted = {instance for role in found["roles"] for instance in role["assigned"]}
    if running != wanted:
        raise DemoFailed(f"running {sorted(running)}, wanted {sorted(wanted)}")
    return True
