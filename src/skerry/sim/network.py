"""The links between machines, and to the manager: what is lost, late, doubled, cut, and who notices when.

A cut link swallows messages and says no goodbye; each end notices by the fabric's lease that the other's token is
gone. A process that is killed closes its connections, and that is noticed at once (C1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skerry.core.kernel.ids import NodeId

if TYPE_CHECKING:
    from skerry.sim.world import World

LEASE_MS = 1_000
"""Of the fabric."""
SPIKE_MAX_MS = 5_000

Link = tuple[str, str]
"""From, to."""


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How a network treats what is sent over it."""

    loss_permille: int
    duplicate_permille: int
    delay_max_ms: int
    spike_permille: int
    """Of messages that take up to five seconds."""


class Network:
    """All links of one site."""

    def __init__(self, world: World) -> None:
        self.world = world
        options = world.options
        self.chance = world.chance.child("network")
        self.usual = self.weather = Weather(
            loss_permille=options.loss_permille,
            duplicate_permille=options.duplicate_permille,
            delay_max_ms=options.delay_max_ms,
            spike_permille=options.spike_permille,
        )
        self.blocked: dict[Link, int] = {}
        """How many faults block a link in this direction."""
        self.lying: set[Link] = set()
        """Links that are cut in one direction without anybody's token going."""
        self.late_ms: dict[Link, int] = {}
        """How much longer a slow link takes."""
        self.sound: frozenset[Link] = frozenset()
        """Links of the healed core: nothing is the matter with them any more."""
        self.sent = 0
        self._seen: dict[Link, bool] = {}
        """(observer, observed): whether the token is there."""
        self._epoch: dict[Link, int] = {}

    # --- messages -------------------------------------------------------------------------------------------------

    def send(self, source: str, target: str | None, payload: bytes) -> None:
        """From an agent to one member or to all others."""
        self.world.overhear(payload)
        if target is not None:
            self._carry(source, target, payload)
            return
        for name in self.world.machines:
            if name != source:
                self._carry(source, name, payload)

    def _carry(self, source: str, target: str, payload: bytes) -> None:
        self.sent += 1
        link = (source, target)
        if link in self.blocked:
            return
        weather = self.usual if link in self.sound else self.weather
        if weather.loss_permille and self.chance.happens(weather.loss_permille):
            self.world.coverage.hit("fault.message.lost")
            return
        copies = 1
        if weather.duplicate_permille and self.chance.happens(weather.duplicate_permille):
            self.world.coverage.hit("fault.message.doubled")
            copies = 2
        late_us = self.late_ms.get(link, 0) * 1_000
        for _ in range(copies):
            self.world.loop.after(late_us + self._delay_us(weather), _Arrival(self, link, payload))

    def _delay_us(self, weather: Weather) -> int:
        if weather.spike_permille and self.chance.happens(weather.spike_permille):
            self.world.coverage.hit("fault.message.late")
            return self.chance.between(500, SPIKE_MAX_MS * 1_000)
        return 200 + self.chance.bits() % (weather.delay_max_ms * 1_000)

    def loses(self, link: Link) -> int:
        """How many of a thousand messages this link loses now."""
        return (self.usual if link in self.sound else self.weather).loss_permille

    # --- cuts -----------------------------------------------------------------------------------------------------

    def cut(self, links: list[Link], *, lying: bool = False) -> None:
        """Let these links swallow everything, until `mend` is called for them as often."""
        for link in links:
            if link in self.sound:
                continue
            self.blocked[link] = self.blocked.get(link, 0) + 1
            if lying:
                self.lying.add(link)
        self.review(links)

    def mend(self, links: list[Link]) -> None:
        """The end of one cut."""
        for link in links:
            left = self.blocked.get(link, 0) - 1
            if left > 0:
                self.blocked[link] = left
            else:
                self.blocked.pop(link, None)
                self.lying.discard(link)
        self.review(links)

    def mend_for_good(self, links: list[Link]) -> None:
        """These work from now on, whatever is broken beside them."""
        self.sound = frozenset(links)
        for link in links:
            self.blocked.pop(link, None)
            self.late_ms.pop(link, None)
            self.lying.discard(link)
        self.review(links)

    def uplinks(self, names: list[str], managers: Iterable[str] | None = None) -> list[Link]:
        """Both directions between these nodes and these managers, or all."""
        ways = [(name, manager) for name in names for manager in managers or self.world.managers]
        return [link for a, b in ways for link in ((a, b), (b, a))]

    # --- tokens ---------------------------------------------------------------------------------------------------

    def review(self, links: list[Link]) -> None:
        """Something has changed about these links; whoever has to notice will."""
        machines = self.world.machines
        for a, b in dict.fromkeys(links):
            if a in machines and b in machines:
                self._review(a, b, silent=True)
                self._review(b, a, silent=True)
            else:
                self.world.review_sessions()

    def process_changed(self, name: str, *, silent: bool) -> None:
        """An agent came, went (with a goodbye unless `silent`), stopped or goes on."""
        for other in self.world.machines:
            if other != name:
                self._review(other, name, silent=silent)
                self._review(name, other, silent=silent)

    def _review(self, observer: str, observed: str, *, silent: bool) -> None:
        link = (observer, observed)
        epoch = self._epoch[link] = self._epoch.get(link, 0) + 1
        up = self._is_up(observer, observed)
        if up == self._seen.get(link, False):
            return
        if up:
            delay_ms = self.chance.between(5, 400)
        else:
            delay_ms = self.chance.between(LEASE_MS * 7 // 10, LEASE_MS) if silent else self.chance.between(1, 20)

        def notice() -> None:
            if self._epoch[link] == epoch and self._is_up(observer, observed) == up:
                self._seen[link] = up
                machine = self.world.machines[observer]
                if machine.shell is not None:
                    machine.shell.on_presence(NodeId(observed), up)

        self.world.loop.after(delay_ms * 1_000, notice)

    def forget(self, observer: str) -> None:
        """A new agent has seen nobody's token yet."""
        for other in self.world.machines:
            self._seen[(observer, other)] = False

    def _is_up(self, a: str, b: str) -> bool:
        return (
            self.world.machines[a].answers
            and self.world.machines[b].answers
            and not any(link in self.blocked and link not in self.lying for link in ((a, b), (b, a)))
        )


class _Arrival:
    """One copy of one message on its way. A class and not a closure: there are many of them."""

    __slots__ = ("link", "network", "payload")

    def __init__(self, network: Network, link: Link, payload: bytes) -> None:
        self.network, self.link, self.payload = network, link, payload

    def __call__(self) -> None:
        """What was not lost on its way reaches a machine, if the link is still there."""
        if self.link not in self.network.blocked:
            machine = self.network.world.machines.get(self.link[1])
            if machine is not None:
                machine.receive(self.payload)
