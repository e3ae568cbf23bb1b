"""I6: instance seconds are those counted and those unknown; none is counted twice, and none is missing.

Judged twice. On each disk, from the readings that a holder writes into its journal, against the time for which
processes were really there. And at the end from the account that the manager itself makes of the journals that it has:
it counts what the highest readings say and no more, and what it does not know of is no more than it says it does not
know, in every world, whoever is lost in it: all that a member provided in an activation of which the manager has
anything at all (H3). And it says of no more than a reading's period a crash that it does not know it, but of nodes that
were taken out. An instance provides something while its agent takes it for active and is there to see it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from skerry.core.actors.remembered import lives
from skerry.core.group.journal.chain import ENTRY_PREFIX, body_of
from skerry.core.group.journal.model import Entry, Folded
from skerry.core.kernel.effects import Persist, Put
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.history.model import ASSIGNED
from skerry.core.stages.history.rules import client_use, compliance
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

Held = tuple[str, str, str]
"""A node, one of its lives, and an instance that it held then."""
SLACK_S = 2
NOTHING_TOLD = (0, True, 0)
TICK_US = 250_000
LAG_S = 6
"""A reading is due, or on its way: the world ends at any moment."""
STINT_S = 1
"""A stint ends with a second that is not over."""


class Metering(Checker):
    """One account per node and instance: what was counted, and what there was to count."""

    property_id = "I6"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._counted: dict[tuple[str, str], dict[tuple[str, int], int]] = defaultdict(dict)
        """(node, instance) -> (life, activation) -> seconds."""
        self._there_us: dict[tuple[str, str], int] = defaultdict(int)
        self._since_us: dict[int, int] = {}
        self._at_manager: dict[tuple[str, str, str, int], int] = {}
        """(node, instance, life, activation) -> the highest reading in the manager's store."""
        self._last: dict[Held, tuple[int, bool, int]] = {}
        """To each that the manager's store tells of the last entry: its number, whether it is an end, its wall time
        (ms)."""
        self._provided: dict[Held, list[int]] = defaultdict(list)
        """The moments (ms, by the manager's clock) at which it was seen to provide something, while its node belonged
        to the site."""
        self._removed_ms: dict[str, int] = {}
        self._starts: dict[str, int] = defaultdict(int)
        self._stints: dict[str, int] = defaultdict(int)
        """How often an instance began to provide something, or an agent looked away and came back."""
        self._providing: set[Held] = set()
        self._put_back = False

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """It was there for so long."""
        if what == "started":
            self._since_us[workload.pid] = self.world.loop.now_us
            self._starts[workload.instance] += 1
        else:
            since_us = self._since_us.pop(workload.pid)
            self._there_us[machine.name, workload.instance] += self.world.loop.now_us - since_us

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """A reading of this node's own is about to be durable."""
        own = f"{ENTRY_PREFIX}{machine.name}/"
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(own):
                statement = decode(decode(change.value, Sealed).statement, Statement)
                entry = body_of(statement)
                if isinstance(entry, Entry) and entry.what == "instance.seconds" and self._lives(machine, statement):
                    self._reading(machine, statement.life, entry)

    def before_manager_persist(self, changes: Sequence[Persist]) -> None:
        """A reading has come to the manager."""
        for change in changes:
            if not change.key.startswith(ENTRY_PREFIX) or not isinstance(change, Put):
                continue
            statement = decode(decode(change.value, Sealed).statement, Statement)
            body = body_of(statement)
            for entry in (body,) if isinstance(body, Entry) else body.readings:
                if entry.what in ("role.active", "role.stopped", "instance.seconds"):
                    held = (statement.signer, statement.life, entry.about)
                    told = (statement.number, _is_end(entry), entry.wall_ms)
                    self._last[held] = max(self._last.get(held, NOTHING_TOLD), told)
                if entry.what == "instance.seconds":
                    account = (statement.signer, entry.about, statement.life, int(entry.data["activation"]))
                    self._at_manager[account] = max(self._at_manager.get(account, 0), _seconds(entry))

    def on_manager_put_back(self) -> None:
        """It knows what its backup holds."""
        self._put_back = True
        self._at_manager.clear()
        self._last.clear()
        self.before_manager_persist([Put(key=key, value=raw) for key, raw in self.world.manager.store.items()])

    @staticmethod
    def _lives(machine: Machine, statement: Statement) -> bool:
        """Not what an earlier life wrote, which its disk had forgotten and gets back from the others."""
        return machine.shell is None or statement.life == machine.shell.agent.identity.life

    def on_disk_put_back(self, machine: Machine) -> None:
        """It may have forgotten what nobody else has."""
        self._put_back = True

    def on_tick(self) -> None:
        """What is provided now."""
        providing: set[Held] = set()
        members, now_ms = set(self.world.members()), self.world.manager.wall_ms()
        for name, machine in self.world.machines.items():
            shell = machine.shell
            if name not in members:
                self._removed_ms.setdefault(name, now_ms)
            if shell is None or shell.hung or not machine.answers:
                continue
            for instance in shell.agent.keeper.instances():
                if instance.phase in ("active", "draining") and instance.instance in machine.guard.workloads:
                    providing.add((name, shell.agent.identity.life, instance.instance))
        for one in providing:
            if one not in self._providing:
                self._stints[one[2]] += 1
            elif one[0] in members:
                self._provided[one].append(now_ms)
        self._providing = providing

    def at_end(self) -> None:
        """The manager's own account."""
        site, whole = self.world.manager.site, self.world.core.whole
        if site is None:
            return  # it stays away for good
        now_ms = self.world.manager.wall_ms()
        settings = site.held().settings
        every_s = settings.reading_every_ms // 1_000 if settings is not None else 0
        account = (site.readings(), lives(site.journal, site.values("roster/"), now_ms), every_s)
        rows = {row["instance"]: row for row in compliance(*account)}
        walls_differ = self.world.options.walls_differ
        if not walls_differ:
            self._client(next(iter(client_use(*account)), None), whole=whole)
        for instance in sorted({*rows, *(held[2] for held in self._provided)}):
            row = rows.get(instance, {"connected_s": 0, "isolated_s": 0, "unknown_s": 0})
            counted_s = row["connected_s"] + row["isolated_s"]
            highest_s = sum(s for (_, about, _, _), s in self._at_manager.items() if about == instance)
            if counted_s != highest_s:
                self.broken(f"the manager counts {counted_s} s of {instance}, and its readings come to {highest_s} s")
            if not walls_differ:  # what is unknown is told by wall clocks (H4)
                given = [r for r in account[0] if (r.what, r.about) == (ASSIGNED, instance)]
                never_told_s = sum(self._removed_ms.get(r.node, now_ms) - r.wall_ms for r in given) / 1_000 + len(given)
                self._unknown(instance, counted_s, row["unknown_s"], never_told_s)

    def _unknown(self, instance: str, counted_s: int, unknown_s: int, never_told_s: float) -> None:
        """Neither less than is missing, nor more than may be: also of what a node had been given, and was taken out."""
        provided_s = sum(self._told_s(held) for held in self._provided if held[2] == instance)
        if provided_s > counted_s + unknown_s + LAG_S + STINT_S * self._stints[instance]:
            self.broken(
                f"{instance} was provided for {provided_s} s; the manager knows of {counted_s} s, and of "
                f"{unknown_s} s that it knows nothing"
            )
        if not self.world.core.whole or self._put_back:
            return  # who is cut off for good tells nothing; what an older disk or store had, nobody may have
        crashes = self._stints[instance] + self._starts[instance]
        lost_s = sum(self._lost_s(held) for held in self._last if held[2] == instance) + never_told_s
        every_s = self.world.manager.office.longest_reading_ms / 1_000
        if unknown_s > every_s * crashes + lost_s + self._untold_s(instance):
            self.broken(f"the manager says that it knows nothing of {unknown_s} s of {instance}")

    def _untold_s(self, instance: str) -> int:
        """How much of it the manager of a site at rest is told of later, while it goes on (decision 0017)."""
        goes_on = any(one[2] == instance for one in self._providing)
        lost_after_ms = self.world.manager.office.longest_lost_after_ms
        return self.world.options.retention.untold_for_ms(lost_after_ms) // 1_000 + LAG_S if goes_on else 0

    def _told_s(self, held: Held) -> float:
        """For how long it was provided, as far as the manager can know that it began to be."""
        _, ended, wall_ms = self._last.get(held, NOTHING_TOLD)
        return sum(not ended or at_ms <= wall_ms for at_ms in self._provided[held]) * TICK_US / 1_000_000

    def _lost_s(self, held: Held) -> float:
        """How much of it went with a node that was taken out."""
        _, ended, wall_ms = self._last[held]
        removed_ms = self._removed_ms.get(held[0], 0)
        return max(removed_ms - wall_ms, 0) / 1_000 + 1 if not ended else 0

    def _client(self, row: dict[str, Any] | None, *, whole: bool) -> None:
        """Its own account lies between what is known of it and that with what is not known (H5). Seconds in which it
        was served where no agent was there to see it may be lost with the process that served it."""
        client = self.world.client
        own_s, seen_s = len(client.fine - client.failed), len(client.seen - client.failed)
        known_s = row["connected_s"] + row["isolated_s"] if row is not None else 0
        unknown_s = row["unknown_s"] if row is not None else 0
        # Of whom no reading has told yet nothing is known to be unknown.
        lag_s = 0.0 if row is not None else self.world.manager.office.longest_reading_ms / 1_000
        if known_s > own_s:
            self.broken(f"the client was served in {own_s} seconds, and the manager knows of {known_s}")
        if whole and seen_s > known_s + unknown_s + LAG_S + (STINT_S + lag_s) * len(client.served_by):
            self.broken(
                f"the client was served in {seen_s} seconds; the manager knows of {known_s}, and of {unknown_s} that "
                "it knows nothing"
            )

    def _reading(self, machine: Machine, life: str, entry: Entry) -> None:
        account = self._counted[machine.name, entry.about]
        seconds = _seconds(entry)
        activation = (life, int(entry.data["activation"]))
        if seconds < account.get(activation, 0):
            self.broken(f"a reading of {entry.about} on {machine.name} goes back to {seconds} s")
        account[activation] = seconds
        self.premise()
        now_us = self.world.loop.now_us
        running = [w for w in machine.guard.workloads.values() if w.instance == entry.about]
        there_us = self._there_us[machine.name, entry.about] + sum(now_us - self._since_us[w.pid] for w in running)
        # A clock that runs fast counts up to half a per cent more; each activation may round up by one.
        most_s = there_us * 1005 // 1_000_000_000 + SLACK_S + len(account)
        if sum(account.values()) > most_s:
            self.broken(
                f"{entry.about} on {machine.name}: {sum(account.values())} s counted, at most {most_s} s were there"
            )


def _is_end(entry: Entry | Folded) -> bool:
    """Whether what was provided before is over: with the record of it or the last reading, whichever is told last."""
    return entry.what == "role.stopped" or bool(entry.data.get("final"))


def _seconds(entry: Entry | Folded) -> int:
    return int(entry.data["connected_s"]) + int(entry.data["isolated_s"])
