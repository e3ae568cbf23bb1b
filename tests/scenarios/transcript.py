"""Scenario files: blocks of commands, a line of dashes, and what happened. Only inputs, effects and states are shown.

Commands: `intent store db! | cache` (roles while connected, `!` for one that is exclusive, and after the bar what only
the isolated set has), `nodes a b c`, `start a b`, `kill a`, `power_off a`, `part ab c`, `cut`, `heal`, `run MS`. What a
site does all the time is left out (beats, documents and entries on their way, renewals, checks, measurements), and so
are notes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from skerry.core.conversation import Heard
from skerry.core.group.custody.model import Carry
from skerry.core.group.granting.wire import GrantAsk, GrantGive
from skerry.core.group.membership.machine import PresenceChanged
from skerry.core.group.membership.wire import Beat
from skerry.core.group.uplink.machine import CloseSession, OpenSession, SessionChanged
from skerry.core.kernel.effects import AwaitDrained, Drop, Effects, StartWorkload, StopWorkload
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed
from skerry.core.stages.negotiation.wire import Ballot, Proposal
from tests.core.things import HQ, SHOP, element, ir
from tests.scenarios.world import Node, World

DASHES = "----"
QUIET_KEYS = ("journal", "document/fit/", "document/site", "document/roster/", "document/intent/", "fit/")


@dataclass
class Block:
    """Commands, and what they led to."""

    commands: list[str]
    output: list[str] = field(default_factory=list)


def parse(text: str) -> list[Block]:
    """The blocks of a file; each ends with an empty line."""
    blocks = []
    for part in text.strip("\n").split("\n\n"):
        lines = part.split("\n")
        cut = lines.index(DASHES) if DASHES in lines else len(lines)
        blocks.append(Block(commands=lines[:cut], output=lines[cut + 1 :]))
    return blocks


def unparse(blocks: list[Block]) -> str:
    """The file that these blocks are."""
    parts = ["\n".join([*b.commands, *([DASHES, *b.output] if b.output else [])]) for b in blocks]
    return "\n\n".join(parts) + "\n"


def replay(blocks: list[Block]) -> list[Block]:
    """The same commands, with what happens now."""
    stage = Stage()
    return [Block(commands=b.commands, output=stage.run(b.commands)) for b in blocks]


class Stage:
    """Runs commands in a world of its own and writes down what happens."""

    def __init__(self) -> None:
        self.world: World
        self._wish: list[str] = []
        self._lines: list[str] = []

    def run(self, commands: list[str]) -> list[str]:
        """One block."""
        self._lines = []
        for line in commands:
            word, *rest = line.split()
            if not line.startswith("#"):
                self._do(word, rest)
        return self._lines + (self._states() if any(c.startswith("run") for c in commands) else [])

    def _do(self, word: str, rest: list[str]) -> None:
        match word:
            case "intent":
                self._wish = rest
            case "nodes":
                self.world = World("".join(rest), _intent(self._wish), watch=self._watch)
            case "start":
                self.world.start(*rest)
            case "kill":
                self.world.kill(rest[0])
            case "power_off":
                self.world.kill(rest[0], machine=True)
            case "part":
                self.world.part(*rest)
            case "cut":
                self.world.part_from_manager()
            case "heal":
                self.world.heal()
            case "run":
                self.world.run(int(rest[0]))
            case other:
                raise ValueError(f"{other!r} is no command of a scenario; see the head of {__name__}")

    def _watch(self, node: Node, given: Input[Any], effects: Effects) -> None:
        shown = _effects(node, effects)
        if shown:
            self._lines.append(f"{given.at_ms:6} {node.name} << {_event(given.event)}")
            self._lines += [f"         {line}" for line in shown]

    def _states(self) -> list[str]:
        lines = []
        for node in self.world.nodes.values():
            agent = node.agent
            if agent is None:
                runs = ", ".join(f"{i.rsplit('/')[-1]}" for i in sorted(node.workloads))
                lines.append(f"  {node.name}: no agent{f', runs {runs}' if runs else ''}")
                continue
            leadership, plan = agent.election.leadership, agent.picture.plan()
            part = f" of {''.join(sorted(leadership.part))}" if leadership.part else ""
            runs = ", ".join(
                f"{i.instance.rsplit('/')[-1]} {i.phase}{f' fence {i.fence}' if i.fence else ''}"
                for i in agent.keeper.instances()
            )
            lines.append(
                f"  {node.name}: term {leadership.term}, leader {leadership.leader}{part}, {agent.uplink.mode(HQ)},"
                f" plan {plan.id if plan else 'none'}, runs {runs or 'nothing'}"
            )
        return lines


def _intent(words: list[str]) -> Any:
    bar = words.index("|") if "|" in words else len(words)
    connected = [_role(w) for w in words[:bar]]
    return ir(*connected, isolated=(*connected, *(_role(w) for w in words[bar + 1 :])))


def _role(word: str) -> Any:
    name = word.removesuffix("!")
    return element(name, key=f"{SHOP}/{name}" if word.endswith("!") else None)


def _event(event: Any) -> str:
    match event:
        case Heard(said=said):
            return f"{said.statement.kind} of {said.statement.signer}"
        case PresenceChanged(node=node, present=present):
            return f"token of {node} {'there' if present else 'gone'}"
        case SessionChanged(up=up):
            return f"session {'up' if up else 'down'}"
        case other:
            about = getattr(other, "instance", "").rsplit("/", maxsplit=1)[-1]
            return f"{type(other).__name__} {about}".rstrip()


def _effects(node: Node, effects: Effects) -> list[str]:
    shown = [
        f"{'drops' if isinstance(p, Drop) else 'keeps'} {p.key}"
        for p in effects.persist
        if not p.key.startswith(QUIET_KEYS)
    ]
    shown += [f"says {_message(s.message)} to {s.to or 'all'}" for s in effects.send if _matters(node, s.message)]
    for act in effects.act:
        match act:
            case StartWorkload():
                shown.append(f"starts {act.instance}{f' fence {act.fence}' if act.fence else ''}")
            case StopWorkload():
                shown.append(f"stops {act.instance}")
            case AwaitDrained():
                shown.append(f"drains {act.instance}")
            case OpenSession():
                shown.append("opens a session")
            case CloseSession():
                shown.append("closes its session")
            case _:
                pass
    return shown


def _matters(node: Node, message: Any) -> bool:
    if isinstance(message, GrantAsk) and node.agent is not None:
        return not set(message.keys) & set(node.agent.granting.held)
    return not isinstance(message, Beat | Carry | Sealed | GrantGive)


def _message(message: Any) -> str:
    match message:
        case Proposal(plan=plan, asked=asked):
            return f"proposal {plan}: " + ", ".join(
                f"{a.slot.instance.rsplit('/')[-1]} ({a.slot.set}) {a.assignment.holder}" for a in asked
            )
        case Ballot(plan=plan, yes=yes, no=no):
            return f"ballot {plan}: {len(yes)} yes, {len(no)} no"
        case GrantAsk(number=number, keys=keys):
            return f"grant_ask {number}: " + ", ".join(f"{k} fence {f}" for k, f in keys.items())
        case other:
            fields = [str(getattr(other, name)) for name in other.__struct_fields__]
            return " ".join([str(other.__struct_config__.tag), *fields])
