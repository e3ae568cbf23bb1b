"""Which acts are played, in which order, and how it ends: with figures, in plain words, and an exit code.

Whatever happens, nothing is left running, unless the lab is to be kept.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from skerry.adapters.manifests import load_file
from skerry.core.stages.intent.model import Site
from skerry.core.stages.intent.model.quantities import parse
from skerry.lab import building, interrupting, processes, profiles
from skerry.lab.asking import Unanswered
from skerry.lab.building import Plan
from skerry.lab.demo import (
    accounting,
    agreeing,
    coming_back,
    comparing,
    cutting,
    dying,
    enrolling,
    figures,
    forging,
    handing_in,
    live,
    measuring,
    owner,
    raising,
    slowing,
    starting_cold,
    tampering,
)
from skerry.lab.demo.comparing import Outcome
from skerry.lab.demo.figures import Reach, Timers
from skerry.lab.demo.parts import Part, catalogue
from skerry.lab.demo.stage import DemoFailed, Stage
from skerry.lab.interrupting import Interrupted, interruptible
from skerry.lab.site import Lab
from skerry.lab.state import STATE_FILE, LabError

SITE_FILE = measuring.EXAMPLE / "site.yaml"
VERIFIED_WITHIN_S = 70.0
ASKED_WITHIN_S = 60.0


class Options(NamedTuple):
    """What may be asked of the demonstration."""

    nodes: int = 5
    seed: int = 1
    as_json: bool = False
    keep: bool = False
    cold: bool = False
    tamper: bool = False
    live: bool = False
    """Somebody plays with the site at the keyboard, instead of the acts from the cut on."""
    without: tuple[Part, ...] = ()
    """Played again without each of these, to see what it buys."""


def timers(site_file: Path = SITE_FILE) -> Timers:
    """As the site's file sets them, and otherwise as shipped."""
    site = next(d.manifest for d in load_file(site_file) if isinstance(d.manifest, Site))
    uplink = site.spec.uplink
    return Timers(grace_ms=parse(uplink.lost_after, "duration"), settling_ms=parse(uplink.back_after, "duration"))


def run(options: Options) -> int:
    """Play it; returns the exit code: 0 if every figure was reached, 1 if not, 130 if it was interrupted. With parts
    left out it is 0 as soon as every performance came to its end."""
    try:
        with interruptible():
            outcome = perform(options)
            if not options.without or outcome.failed:
                return 0 if outcome.ok else 1
            others = {part: perform(options, part) for part in options.without}
            comparing.show(Stage.spoken(options.as_json), _asked_for(options), outcome, others)
            return 1 if any(other.failed for other in others.values()) else 0
    except Interrupted as interrupted:
        Stage.spoken(options.as_json).say(f"interrupted by {interrupted}; nothing is left running")
        return 130


def perform(options: Options, without: Part | None = None) -> Outcome:
    """One performance, perhaps with a part left out. Nothing of it is left, however it ends, unless it is kept."""
    # Not made here: what is made before somebody stands ready to remove it could be left.
    home = profiles.disk() / f"skerry-demo-{secrets.token_hex(4)}"
    stage = Stage(Lab(home / "lab"), seed=options.seed, as_json=options.as_json)
    try:
        try:
            outcome = _outcome(stage, options, without)
        finally:
            with interrupting.undisturbed():
                if not (options.keep and not interrupting.came()):
                    _leave(stage, home)
    except Interrupted:
        _leave(stage, home)  # the signal may have come just before anything was left; further ones wait
        raise
    folder = stage.lab.folder
    if options.keep and (folder / STATE_FILE).exists():
        stage.say(f"the lab goes on in {folder}; end it with: skerry lab down --folder {folder}")
    return outcome


def _outcome(stage: Stage, options: Options, without: Part | None) -> Outcome:
    times = timers()
    stage.line({"timers": times._asdict(), "nodes": options.nodes, "seed": options.seed, "without": without})
    if without is not None:
        stage.say(f"once more, without {without}")
    try:
        return _end(stage, options, _play(stage, options, times, without), "")
    except (DemoFailed, LabError, Unanswered) as failed:
        return _end(stage, options, {}, str(failed))


def _play(stage: Stage, options: Options, times: Timers, without: Part | None) -> dict[str, Reach]:
    if options.cold:
        return _play_cold(stage, options)
    stage.without = without
    example = catalogue(without, stage.lab.folder)
    plan = Plan(
        nodes=options.nodes, site_file=SITE_FILE, catalogue=example, contingency=without is not Part.CONTINGENCY
    )
    _agree(stage, plan, slow=not options.live)
    if options.live:
        live.play(stage)
        verify(stage)
        return figures.cold()
    cutting.play(stage)
    leader = dying.leader_falls_silent(stage)
    owner.give_back(stage)
    reporter = dying.reporter_falls_silent(stage)
    dying.voters_no(stage)
    handing_in.play(stage)
    coming_back.thaw(stage, leader)
    coming_back.power_cycle(stage, reporter)
    moving = raising.play(stage)
    if options.tamper:
        tampering.play(stage)
    coming_back.heal(stage, moving)
    stage.until("the client has asked often enough", lambda: _asked(stage) or None, ASKED_WITHIN_S)
    summary = verify(stage)
    accounting.delivered(stage)
    accounting.show(stage, summary)
    forging.end(stage)
    return {**figures.client(), **figures.cut(times), **figures.losses(times), **figures.reconnection()}


def _agree(stage: Stage, plan: Plan, *, slow: bool) -> None:
    """Acts 1 to 6: from nothing to a site that serves; on the way a node turns slow, or none does."""
    enrolling.play(stage, plan, agents=True)
    enrolling.refused_tokens(stage)
    measuring.apply(stage, plan.catalogue)
    measuring.show_representation(stage)
    measuring.fits(stage)
    agreeing.agree(stage)
    agreeing.serve(stage)
    forging.begin(stage)
    if slow:
        slowing.play(stage)
    agreeing.offices(stage)


def _asked(stage: Stage) -> bool:
    return bool(stage.figures()["client_requests"] > figures.REQUESTS)


def _play_cold(stage: Stage, options: Options) -> dict[str, Reach]:
    plan = Plan(nodes=options.nodes, site_file=SITE_FILE, files=(measuring.INTENT_FILE,))
    enrolling.play(stage, plan, agents=False)
    starting_cold.play(stage)
    starting_cold.power_cut(stage)
    verify(stage)
    return figures.cold()


def verify(stage: Stage) -> dict[str, Any]:
    """A fresh client reads back every object that was acknowledged; returns the first one's summary."""
    summary = stage.end_client()
    folder = stage.lab.folder
    argv = stage.client_argv("--verify", str(folder / "client.jsonl"))
    reader = processes.start(argv, lab=stage.lab.state.id, cwd=folder, log=folder / "reader.log", pipe=True)
    read, _ = reader.communicate(timeout=VERIFIED_WITHIN_S)
    try:
        found: dict[str, Any] = msgspec.json.decode(read)
    except msgspec.DecodeError as error:
        raise DemoFailed(f"reading back failed: {building.tail(folder / 'reader.log')}") from error
    stage.found["client_acked_lost"] = found["lost"] + found["wrong"] + found["unread"]
    stage.say(
        f"the client made {summary['requests']} requests, {summary['failed']} failed; a fresh one reads back "
        f"{found['fine']} of {found['acknowledged']} acknowledged objects"
    )
    return summary


def _end(stage: Stage, options: Options, reaches: dict[str, Reach], failed: str) -> Outcome:
    """Show the figures; returns them."""
    try:
        values = {**stage.figures(), **stage.found} if stage.watches else dict(stage.found)
    except DemoFailed as gone:
        values, failed = dict(stage.found), failed or str(gone)
    outcome = Outcome(values=values, reaches=reaches, failed=failed)
    rows = [
        [name, values.get(name), reach.text, "not reached" if name in outcome.missed else ""]
        for name, reach in reaches.items()
    ]
    if rows and not stage.as_json:
        stage.table("What was reached", ["figure", "value", "to reach", ""], rows)
    for given_up in stage.given_up:
        stage.say(f"given up while cut off, {given_up}")
    if failed:
        stage.say(f"it did not come about: {failed}")
    stage.line({"ok": outcome.ok, **_asked_for(options), **values, "missed": outcome.missed, "failed": failed})
    if not stage.as_json and not failed:
        stage.say("everything was reached" if outcome.ok else f"not reached: {', '.join(outcome.missed)}")
    return outcome


def _asked_for(options: Options) -> dict[str, int]:
    return {"nodes": options.nodes, "seed": options.seed}


def _leave(stage: Stage, home: Path) -> None:
    """Nothing runs on. May be called twice."""
    with contextlib.suppress(LabError):  # it never came up, or is down already
        stage.lab.down()
    shutil.rmtree(home, ignore_errors=True)
