"""Act 7: the uplink is cut; the site finds out by itself, and its other set comes into force, disturbing nothing."""

from __future__ import annotations

from skerry.lab import processes
from skerry.lab.demo import looking
from skerry.lab.demo.agreeing import satisfied
from skerry.lab.demo.stage import DemoFailed, Stage

ISOLATED_WITHIN_S = 20.0


def running(stage: Stage) -> dict[tuple[str, str], int]:
    """Every process that a plan started: by node and instance its pid."""
    return {
        (one.node, one.instance): one.pid for one in processes.found(stage.lab.state.id) if one.instance and one.run
    }


def play(stage: Stage) -> None:
    """D6, U3."""
    stage.act(7, "The uplink is cut, without a goodbye")
    before = running(stage)
    stage.fault("cut")
    stage.lab.cut()
    stage.say("the relay swallows everything; nothing is closed")
    stage.until("the site says that it is isolated", lambda: all_in_mode(stage, "isolated"), ISOLATED_WITHIN_S)
    stage.until("the isolated set is in force", lambda: satisfied(stage), ISOLATED_WITHIN_S)
    after = running(stage)
    begun, ended = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    moved = sorted(key for key in set(before) & set(after) if before[key] != after[key])
    if not begun or not ended:
        raise DemoFailed(f"the isolated set should start one process and stop one: started {begun}, stopped {ended}")
    if moved:
        raise DemoFailed(f"these were restarted though nothing was wrong with them: {moved}")
    stage.say(f"started: {_named(begun)}; stopped: {_named(ended)}; {len(set(before) & set(after))} go on, same pid")


def all_in_mode(stage: Stage, mode: str) -> bool | None:
    """Whether every node that answers says so."""
    return all(looking.mode(stage.status(name)) == mode for name in stage.names()) or None


def _named(keys: list[tuple[str, str]]) -> str:
    return ", ".join(f"{instance} on {node}" for node, instance in keys) or "nothing"
