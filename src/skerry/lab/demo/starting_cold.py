"""`--cold` (D6a): every node has joined, the link is cut, and only then do the agents start, before anything was
elected, measured or agreed. Then the whole site loses power, still cut off."""

from __future__ import annotations

from skerry.lab.demo import agreeing, cutting, dying
from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import Stage

SATISFIED_WITHIN_S = 120.0
SERVED_WITHIN_S = 60.0


def play(stage: Stage) -> None:
    """A site that has only what joining left on its disks."""
    stage.act(7, "Cold start: the link is cut before any agent was ever started")
    stage.fault("cut")
    stage.lab.cut()
    for name in stage.names():
        stage.lab.start(name)
    stage.say("every agent starts for the first time, and nobody outside can be asked")
    status = stage.until(
        "the site serves, alone and from nothing", lambda: agreeing.satisfied(stage), SATISFIED_WITHIN_S
    )
    stage.until("all say that they are isolated", lambda: cutting.all_in_mode(stage, "isolated"), SERVED_WITHIN_S)
    stage.say(f"{status['leader']} leads, plan {status['plan']}; {INTENT} is satisfied")
    stage.note_given_up("from the first moment on", status)
    agreeing.serve(stage)


def power_cut(stage: Stage) -> None:
    """All machines off at once, and on again, still cut off."""
    stage.act(10, "Still cut off: the whole site loses power, and gets it back")
    stage.until("every object has two copies", lambda: dying.copies_restored(stage), SERVED_WITHIN_S)
    for name in stage.names():
        stage.mark(f"killed_{name}", fault=True, node=name)
        stage.lab.kill(name)
    stage.say("every process of every node is gone")
    served = stage.figures()["client_requests"]
    for name in stage.names():
        stage.lab.start(name)
    status = stage.until("the site serves again", lambda: agreeing.satisfied(stage), SATISFIED_WITHIN_S)
    stage.until(
        "the client is served", lambda: stage.figures()["client_requests"] > served + 20 or None, SERVED_WITHIN_S
    )
    stage.say(f"{status['leader']} leads in term {status['term']}, plan {status['plan']}, nobody was asked")
