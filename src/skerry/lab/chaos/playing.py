"""Plays one round on a lab by its verbs: breaks, lets people act, mends. The witness is told beforehand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from skerry.lab import asking, building, interrupting, state
from skerry.lab.chaos import catalogue
from skerry.lab.chaos.drawing import Act, Fault, Kind, Round
from skerry.lab.demo.measuring import EXAMPLE
from skerry.lab.draws import draw
from skerry.lab.site import Lab
from skerry.shell.clock import boot_ms

LOOK_AGAIN_S = 0.1
SERVED_WITHIN_MS = 75_000
"""More than a judge grants, so that it is the judge who says that it was too long."""
SAID_MAX = 300
FLAPS_LONGER = 5
"""How many times longer than any other fault the uplink flaps: minutes, not seconds."""

Mark = Callable[..., None]
Able = Callable[[], dict[str, list[str]]]


class Player:
    """Hands on a lab."""

    def __init__(self, lab: Lab, seed: int, mark: Mark, able: Able) -> None:
        """`able`: what the witness sees able to run, as `{pid: [node, run]}`."""
        self._lab = lab
        self._seed = seed
        self._mark = mark
        self._able = able
        self.cuts = 0
        """How many times a link went down."""
        self.ended: list[str] = []
        """Agents that ended though nobody ended them and their disk was not full, each with the end of its log."""

    def play(self, now: Round) -> None:
        """Break, act, mend. Raises `LabError`."""
        for fault in now.faults:
            self._mark("fault", round=now.number, fault=fault.kind, nodes=fault.nodes, amount=fault.amount)
            self._break(fault)
        self._mark("broken", round=now.number)
        if any(fault.kind is Kind.FLAP for fault in now.faults):
            self._flap(now)
        else:
            _pause(now.lasts_s * 1_000)
        self._switch_on(now)
        if now.act is not None:
            self._act(now, now.act)
        self._mark("mending", round=now.number)
        self._mend(now)
        self._mark("healed", round=now.number)

    def resolved(self, now: Round) -> Round:
        """The round with the first node of its first fault exchanged for the holder of the role that may not be double,
        if that is what was drawn."""
        holder = next((node for node, run in self._able().values() if f"/{catalogue.ONCE}#" in run), None)
        first, *others = now.faults
        if not (now.holder_first and holder and first.nodes) or holder in first.nodes:
            return now
        return now._replace(faults=(first._replace(nodes=(holder, *first.nodes[1:])), *others))

    def _break(self, fault: Fault) -> None:
        lab = self._lab
        match fault.kind:
            case Kind.CUT | Kind.BLACKOUT:
                self.cuts += 1
                lab.cut()
            case Kind.SPLIT:
                self.cuts += 1
                lab.split(fault.nodes)
            case _:
                pass  # it hits nodes, one by one
        for node in lab.state.nodes if fault.kind is Kind.BLACKOUT else fault.nodes:
            self._break_node(fault, node)

    def _break_node(self, fault: Fault, node: str) -> None:
        lab = self._lab
        match fault.kind:
            case Kind.UPLINK | Kind.LINK:
                self.cuts += 1
                lab.link(node, up=False, uplink=fault.kind is Kind.UPLINK)
            case Kind.LOSS:
                lab.loss(node, fault.amount)
            case Kind.RATE:
                lab.rate(node, fault.amount)
            case Kind.DELAY:
                lab.delay(node, fault.amount)
            case Kind.FREEZE:
                lab.freeze(node)
            case Kind.KILL | Kind.BLACKOUT:
                lab.kill(node)
            case Kind.FILL:
                lab.fill(node, full=True)
            case Kind.CLOCK:
                lab.clock(node, fault.amount)
            case Kind.CUT | Kind.FLAP | Kind.SPLIT:
                pass  # it hits the whole site

    def _flap(self, now: Round) -> None:
        until_ms = boot_ms() + now.lasts_s * 1_000 * FLAPS_LONGER
        mean_ms = next(fault.amount for fault in now.faults if fault.kind is Kind.FLAP)
        turn = 0
        while boot_ms() < until_ms:
            turn += 1
            self._lab.cut()
            self.cuts += 1
            _pause(mean_ms // 2 + draw(self._seed, now.number, "down", turn, below=mean_ms))
            self._lab.state.wires.join()
            _pause(mean_ms // 2 + draw(self._seed, now.number, "up", turn, below=mean_ms))

    def _switch_on(self, now: Round) -> None:
        """Nodes that lost their power get it back, in any order, before the link is back."""
        off = [node for fault in now.faults if fault.kind is Kind.KILL for node in fault.nodes]
        if any(fault.kind is Kind.BLACKOUT for fault in now.faults):
            off = list(self._lab.state.nodes)
        if not off:
            return
        off.sort(key=lambda node: draw(self._seed, now.number, "boots", node, below=2**32))
        self._mark("started", round=now.number, nodes=off)
        for node in off:
            self._lab.start(node)
        if now.cut_off:
            wanted = catalogue.wanted(len(self._lab.state.nodes)).isolated
            _until(lambda: filled(self._able(), wanted))

    def _act(self, now: Round, act: Act) -> None:
        lab = self._lab
        frozen = {n for fault in now.faults if fault.kind is Kind.FREEZE for n in fault.nodes}
        answering = [node for node in lab.state.nodes if node not in frozen]
        self._mark(act, round=now.number)
        match act:
            case Act.HAND_IN:
                at = answering[draw(self._seed, now.number, "at", below=len(answering))]
                asking.skerry(
                    lab.state.id,
                    *("apply", "--file", EXAMPLE / "notes.yaml", "--server", f"https://{lab.state.node(at).api}"),
                    *("--identity", building.operator(lab.folder)),
                    cwd=lab.folder,
                    space=lab.state.space(at),
                )
                _until(lambda: any(f"/{catalogue.SPOKEN}/" in run for _, run in self._able().values()))
            case Act.ISSUE:
                building.apply(lab.folder, lab.state, EXAMPLE / "notes.yaml")
            case Act.WITHDRAW:
                status, said = lab.manager().ask(f"/v1/intents/{catalogue.SPOKEN}", method="DELETE")
                if status != 200:
                    raise state.LabError(f"the manager did not withdraw {catalogue.SPOKEN}: {said}")

    def _mend(self, now: Round) -> None:
        lab = self._lab
        for fault in now.faults:
            if fault.kind is Kind.FREEZE:
                self._mark("thawed", round=now.number, nodes=fault.nodes)
            for node in fault.nodes:
                match fault.kind:
                    case Kind.FREEZE:
                        lab.thaw(node)
                    case Kind.FILL:
                        lab.fill(node, full=False)
                    case Kind.CLOCK:
                        lab.clock(node, 0)
                    case _:
                        pass  # mended with all cables, or switched on already
        lab.heal()
        self._start_again(now)

    def _start_again(self, now: Round) -> None:
        """What a service manager does: an agent that ended by itself is started, and told of."""
        for node in self._lab.state.nodes:
            agent = self._lab.state.processes.get(f"agent {node}")
            if agent is None or agent.alive:
                continue
            self._mark("ended", round=now.number, node=node)
            said = building.tail(self._lab.folder / f"{node}.log")[-SAID_MAX:]
            self.ended.append(f"round {now.number}: {node}: {said}")
            self._lab.start(node)


def filled(able: dict[str, list[str]], wanted: dict[str, int]) -> bool:
    """Whether so many of each element are able to run, and no fewer."""
    elements = [run.rpartition("/")[2].partition("#")[0] for _, run in able.values()]
    return all(elements.count(element) >= number for element, number in wanted.items())


def _until(holds: Callable[[], Any]) -> None:
    until_ms = boot_ms() + SERVED_WITHIN_MS
    while not holds() and boot_ms() < until_ms:
        _pause(round(LOOK_AGAIN_S * 1_000))


def _pause(length_ms: int) -> None:
    until_ms = boot_ms() + length_ms
    while (left_ms := until_ms - boot_ms()) > 0:
        interrupting.heed()
        time.sleep(min(left_ms / 1_000, LOOK_AGAIN_S))
