"""The whole of it: a lab of namespaces comes up, serves, is broken round by round, and is judged; nothing is left."""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from skerry.lab import building, interrupting, networks, processes, profiles, wires
from skerry.lab.asking import Unanswered
from skerry.lab.building import Plan
from skerry.lab.chaos import catalogue, judging, witness
from skerry.lab.chaos.drawing import Kind, Round, rounds
from skerry.lab.chaos.judging import Case, Verdict
from skerry.lab.chaos.playing import Player
from skerry.lab.chaos.record import Seen
from skerry.lab.demo.measuring import EXAMPLE, INTENT_FILE, complete
from skerry.lab.demo.stage import DemoFailed, Stage
from skerry.lab.interrupting import Interrupted, interruptible
from skerry.lab.site import Lab
from skerry.lab.state import MANAGER_NAME, LabError
from skerry.shell.clock import boot_ms

UP_WITHIN_S, UP_WITHIN_A_NODE_S = 90.0, 15.0
SETTLED_WITHIN_S = judging.SETTLED_MS / 1_000 + 10
DELIVERED_WITHIN_S = 30.0
TIE_BREAKER = "n1"
RECORD = "seen.jsonl"
TAIL_BYTES = 4_096
CLOCKS_NODES_MAX = 8
STARVED_PERCENT = 20
"""Above it the machine has too much else to do for a verdict on what came too late."""


class Options(NamedTuple):
    """How to run it."""

    nodes: int
    seed: int
    minutes: float
    as_json: bool = False
    rounds_max: int | None = None
    kinds: tuple[Kind, ...] = ()
    """These in turn, instead of a shuffled deck of all."""
    fence: bool = True
    """False: everybody believes a placement whose time is over, to see that it would be noticed."""


class Outcome(NamedTuple):
    """What came of it."""

    verdicts: list[Verdict]
    leaked: list[str]
    """Faults that were none."""
    ended: list[str]
    """Agents that ended by themselves."""
    failed: str
    counted: dict[str, Any]

    @property
    def violations(self) -> list[str]:
        """Of all properties, each by name."""
        return [f"{verdict.name}: {text}" for verdict in self.verdicts for text in verdict.violations]

    @property
    def ok(self) -> bool:
        """Whether everything that was at stake held, and every fault was one."""
        return not (self.violations or self.leaked or self.ended or self.failed)


def run(options: Options) -> int:
    """Run it; returns the exit code: 0 if everything held, 1 if not, 130 if it was interrupted."""
    try:
        with interruptible():
            return 0 if perform(options).ok else 1
    except Interrupted as interrupted:
        Stage.spoken(options.as_json).say(f"interrupted by {interrupted}; nothing is left running")
        return 130


def perform(options: Options) -> Outcome:
    """One site, from up to down. Its logs and the record are kept if something did not hold."""
    home = profiles.disk() / f"skerry-chaos-{secrets.token_hex(4)}"
    stage = Stage(Lab(home / "lab"), seed=options.seed, as_json=options.as_json)
    stage.without = None if options.fence else "fence"
    outcome: Outcome | None = None
    try:
        outcome = Chaos(stage, options).play()
        _tell(stage, outcome)
    finally:
        with interrupting.undisturbed():
            with contextlib.suppress(LabError):  # it never came up, or is down already
                stage.lab.down(keep_logs=outcome is not None and not outcome.ok)
            if outcome is None or outcome.ok:
                shutil.rmtree(home, ignore_errors=True)
    return outcome


class Chaos:
    """One run."""

    def __init__(self, stage: Stage, options: Options) -> None:
        self._stage = stage
        self._options = options
        self._lab = stage.lab
        self._wanted = catalogue.wanted(options.nodes)
        self._witness: subprocess.Popen[bytes] | None = None
        self._player = Player(self._lab, options.seed, self._mark, self._able)
        self._faults = dict.fromkeys(Kind, 0)
        self._settled_ms: list[int] = []
        self._spoken = False
        self._played = 0

    def play(self) -> Outcome:
        """Up, rounds, verdict."""
        failed = ""
        try:
            self._begin()
            self._rounds()
            self._account()
        except (LabError, DemoFailed, Unanswered) as error:
            failed = str(error)
        return self._judge(failed)

    # ---- the site ----

    def _begin(self) -> None:
        lab, nodes = self._lab, self._options.nodes
        lab.folder.mkdir(parents=True, mode=0o700)
        made = catalogue.write(lab.folder, nodes, fence=self._options.fence)
        plan = Plan(nodes=nodes, site_file=EXAMPLE / "site.yaml", catalogue=made, netns=True, clocks=self._clocks())
        self._stage.say(f"{nodes} nodes come up, each a network namespace; seed {self._options.seed}")
        lab.up(plan)
        self._start_witness()
        building.apply(lab.folder, lab.state, INTENT_FILE)
        until_s = UP_WITHIN_S + UP_WITHIN_A_NODE_S * nodes
        self._stage.until("the site does what is wanted", lambda: self._why_not() == "" or None, until_s)
        # Not before: what is measured later is a reason to move work, and nobody could tell it from the faults.
        self._stage.until(
            "every node has measured itself", lambda: len(complete(self._stage)) == nodes or None, until_s
        )
        self._stage.start_client()
        self._stage.until("the client is served", lambda: self._unsettled() == "" or None, SETTLED_WITHIN_S)
        self._mark("settled", round=0)
        self._stage.say(f"it serves: {self._told()}")

    def _start_witness(self) -> None:
        lab, folder = self._lab.state, self._lab.folder
        settings = {"lab": lab.id, "client_log": str(folder / "client.jsonl"), "record": str(folder / RECORD)}
        (folder / "witness.json").write_text(json.dumps(settings))
        argv, log = [sys.executable, witness.__file__, str(folder / "witness.json")], folder / "witness.log"
        space = lab.space(wires.SWITCH)
        self._witness = processes.start(argv, lab=lab.id, cwd=folder, log=log, pipe=True, space=space)

    def _rounds(self) -> None:
        until_ms = boot_ms() + round(self._options.minutes * 60_000)
        missing = {} if self._options.kinds else self._missing()
        for kind, why in missing.items():
            self._stage.say(f"{kind} is left out: {why}")
        names = list(self._lab.state.nodes)
        drawn = rounds(self._options.seed, names, list(self._options.kinds) or None, missing=missing)
        for now in itertools.islice(drawn, self._options.rounds_max):
            if boot_ms() >= until_ms:
                return
            self._round(self._player.resolved(now))

    def _clocks(self) -> bool:
        """Whether clocks are to be stepped."""
        kinds = self._options.kinds
        return Kind.CLOCK in kinds if kinds else Kind.CLOCK not in self._missing()

    def _missing(self) -> dict[Kind, str]:
        """Kinds that cannot be had here, and why."""
        lack = "it needs what is not installed (Debian: apt install {})".format
        found = {} if shutil.which("nft") is not None else {Kind.LOSS: lack("nftables")}
        if networks.library() is None:
            found[Kind.CLOCK] = lack("faketime")
        elif self._options.nodes > CLOCKS_NODES_MAX:
            found[Kind.CLOCK] = f"more than {CLOCKS_NODES_MAX} agents under libfaketime have no time left"
        return found

    def _round(self, now: Round) -> None:
        self._stage.say(f"round {now.number}: {_said(now)}, for {now.lasts_s} s", round=now.number)
        for fault in now.faults:
            self._faults[fault.kind] += 1
        self._player.play(now)
        self._played += 1
        self._spoken = now.act.adds if now.act is not None else self._spoken
        healed_ms = boot_ms()
        try:
            self._stage.until("all is settled", lambda: self._unsettled() == "" or None, SETTLED_WITHIN_S)
        except DemoFailed:
            why = self._unsettled() or "only just"
            self._mark("unsettled", round=now.number, why=why)
            self._stage.say(f"not settled: {why}")
            return
        took_ms = boot_ms() - healed_ms
        self._settled_ms.append(took_ms)
        self._mark("settled", round=now.number)
        self._stage.say(f"healed, and settled after {took_ms / 1_000:.1f} s: {self._told()}", settled_ms=took_ms)

    # ---- what is to be seen ----

    def _why_not(self) -> str:
        """What of the wanted processes there is too little or too much; empty if nothing is."""
        able = [run for _, run in self._able().values()]
        wanted = {f"{self._wanted.intent}/{element}": n for element, n in self._wanted.connected.items()}
        wanted[f"{MANAGER_NAME}/{catalogue.SPOKEN}/{catalogue.SPOKEN}"] = int(self._spoken)
        there = {name: sum(run.startswith(f"{name}#") for run in able) for name in wanted}
        return ", ".join(f"{there[name]} of {n} {name}" for name, n in wanted.items() if there[name] != n)

    def _unsettled(self) -> str:
        """Why all is not yet as it should be: by the processes, the client, and the nodes' and manager's own word."""
        return self._why_not() or self._not_served() or self._disagreement()

    def _not_served(self) -> str:
        try:
            with open(self._lab.folder / "client.jsonl", "rb") as log:
                log.seek(max(0, log.seek(0, 2) - TAIL_BYTES))
                lines = log.read().splitlines()[1:-1]
        except FileNotFoundError:
            return "the client has not begun"
        last = json.loads(lines[-1]) if lines else {"ok": False, "error": "nothing was asked yet"}
        return "" if last["ok"] else f"the client says: {last['error']}"

    def _disagreement(self) -> str:
        """Whether there is one leader of all, one plan, and the manager has it, each intent being connected."""
        names = list(self._lab.state.nodes)
        try:
            said = {name: self._lab.api(name).get("/v1/status", 2) for name in names}
            site = self._lab.manager().get(f"/v1/sites/{self._lab.state.site}", 2)
        except Unanswered as error:
            return str(error)
        leaders = {status["leader"] for status in said.values()}
        plans = {status["plan"] for status in said.values()} | {site["plan"]}
        modes = {mode["mode"] for status in said.values() for mode in status["modes"].values()}
        if len(leaders) > 1 or None in leaders or sorted(said[leaders.pop()]["part"]) != sorted(names):
            return f"they follow {sorted({str(status['leader']) for status in said.values()})}"
        agreed = len(plans) == 1 and modes <= {"connected"}
        return "" if agreed else f"plans {sorted(map(str, plans))}, modes {sorted(modes)}"

    def _told(self) -> str:
        told = sorted((run.rpartition("/")[2], node) for node, run in self._able().values())
        return ", ".join(f"{run} on {node}" for run, node in told)

    # ---- the witness ----

    def _mark(self, what: str, **more: Any) -> None:
        self._ask(json.dumps({"what": what, **more}))

    def _able(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = self._ask("able")["able"]
        return found

    def _ask(self, line: str) -> dict[str, Any]:
        watching = self._witness
        assert watching is not None and watching.stdin is not None and watching.stdout is not None
        try:
            watching.stdin.write(line.encode() + b"\n")
            watching.stdin.flush()
            answer: dict[str, Any] = json.loads(watching.stdout.readline())
        except (OSError, ValueError) as error:
            log = building.tail(self._lab.folder / "witness.log")
            raise DemoFailed(f"the witness ended: {log}") from error
        return answer

    # ---- the verdict ----

    def _account(self) -> None:
        """What the manager has counted in the end, to be compared with what was seen."""
        summary = self._stage.end_client()
        self._stage.say(f"the client made {summary['requests']} requests, {summary['failed']} failed")
        rows = self._lab.manager().get("/v1/history")["history"]
        with open(self._lab.folder / RECORD, "a", encoding="utf-8") as record:
            for row in rows:
                counted_s = row["connected_s"] + row["isolated_s"]
                line = {"t_ms": boot_ms(), "kind": "claim", "instance": row["instance"], "counted_s": counted_s}
                record.write(json.dumps(line) + "\n")

    def _judge(self, failed: str) -> Outcome:
        seen = Seen(list(_lines(self._lab.folder)))
        nodes = tuple(f"n{number}" for number in range(1, self._options.nodes + 1))
        case = Case(
            nodes=nodes,
            tie_breaker=TIE_BREAKER,
            intent=self._wanted.intent,
            connected=self._wanted.connected,
            isolated=self._wanted.isolated,
            once=catalogue.ONCE,
            spoken=f"{MANAGER_NAME}/{catalogue.SPOKEN}",
        )
        counted = {
            "nodes": self._options.nodes,
            "seed": self._options.seed,
            "rounds": self._played,
            "cuts": self._player.cuts,
            "faults": {kind: number for kind, number in self._faults.items() if number},
            "requests": len(seen.ops),
            "decisions": len(seen.notes),
            "failed_requests": sum(not op["ok"] for op in seen.ops),
            "settled_ms": self._settled_ms,
            "starved_percent": seen.starved_percent,
            "blind_ms": sum(line["ms"] for line in seen.blind),
        }
        leaked = judging.leaked(seen, case)
        return Outcome(judging.judge(seen, case), leaked, self._player.ended, failed, counted)


def _lines(folder: Path) -> Any:
    """The witness's record, and what the workload noted on the nodes' disks."""
    with contextlib.suppress(FileNotFoundError), open(folder / RECORD, encoding="utf-8") as record:
        yield from map(json.loads, record)
    for disk in sorted((folder / "disks").glob("*")):
        for notes in sorted(disk.rglob(catalogue.NOTES)):
            for line in notes.read_text().splitlines():
                with contextlib.suppress(ValueError):  # half a line, from a machine that lost its power
                    note = json.loads(line)
                    if note["fence"]:
                        yield {"kind": "note", "node": disk.name, **note}


def _said(now: Round) -> str:
    amounts = {Kind.LOSS: "{} %", Kind.RATE: "{} bit/s", Kind.DELAY: "{} ms", Kind.CLOCK: "{:+} s"}
    said = [
        " ".join((fault.kind, ",".join(fault.nodes), amounts.get(fault.kind, "").format(fault.amount))).strip()
        for fault in now.faults
    ]
    return " and ".join(said) + (f"; then {now.act.replace('_', ' ')}" if now.act is not None else "")


def _tell(stage: Stage, outcome: Outcome) -> None:
    rows = [[v.name, v.said, v.times, "; ".join(v.violations[:3])] for v in outcome.verdicts]
    stage.table("Judged from outside", ["property", "verdict", "at stake", "violations"], rows)
    for leak in outcome.leaked:
        stage.say(f"frames passed where nothing should have: {leak}")
    for ended in outcome.ended:
        stage.say(f"an agent ended by itself: {ended}")
    if outcome.failed:
        stage.say(f"it did not come about: {outcome.failed}")
    starved = outcome.counted["starved_percent"]
    if starved > STARVED_PERCENT:
        stage.say(f"an agent waited for a processor for {starved} % of the time: judge again where there is less to do")
    if not outcome.ok:
        stage.say(
            f"logs, what was seen ({RECORD}) and what each agent was told (<node>.inputs, for `skerry explain --log`) "
            f"are kept in {stage.lab.folder}"
        )
    judged = {v.name: {"verdict": v.said, "times": v.times} for v in outcome.verdicts}
    last = {"ok": outcome.ok, **outcome.counted, "judged": judged, "violations": outcome.violations}
    stage.line({**last, "leaked": outcome.leaked, "ended": outcome.ended, "failed": outcome.failed})
    if not stage.as_json:
        faults = ", ".join(f"{number} {kind}" for kind, number in outcome.counted["faults"].items())
        stage.say(f"{outcome.counted['cuts']} cuts; {faults}; {len(outcome.violations)} violations")
