"""Every order of a change of roster, in a small site, over the machines themselves (X5; "What was checked").

Three nodes may ask anybody for one key, in any order with the roster that reaches them one by one, with closings that
arrive whenever they like, and with clocks that tick alike; asking and answering is one step, a lease two ticks or what
its roster says, and the promise for it a little longer. Whatever is reached, no two are active. Then each part of X5 is
taken out, and two are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import NamedTuple

import pytest

from skerry.core.group.granting.machine import Granting, GrantingView, _Promise
from skerry.core.group.granting.model import Electorate, promise_ms
from skerry.core.group.granting.wire import GrantAsk
from skerry.core.group.succession import machine, rules
from skerry.core.group.succession.machine import Succession, SuccessionEvent, SuccessionView
from skerry.core.group.succession.model import Closing, Edition
from skerry.core.kernel.events import Reconsider
from skerry.core.kernel.ids import GrantKey, NodeId
from skerry.core.kernel.inputs import Input
from skerry.sim.chance import Chance
from tests.core.things import A, B, C

KEY = GrantKey("k")
TICK_MS = 100
LEASE_MS = 2 * TICK_MS
LONG_AGO_MS = -(10**6)
NODES = (A, B, C)
STATES_MAX = 5_000
WALKS, STEPS = 400, 60

Actives = tuple[tuple[NodeId, int], ...]


def edition(version: int, *members: NodeId, name: str = "", lease_ms: int = LEASE_MS) -> Edition:
    electorate = Electorate(roster_version=version, members=frozenset(members), lease_ms=lease_ms)
    return Edition(electorate=electorate, digest=f"{version}{name}")


FIRST = edition(1, *NODES)


class Word(NamedTuple):
    """A closing, as a value that can be told apart."""

    node: NodeId
    base: int
    through: int
    successor: str
    promises: tuple[tuple[GrantKey, NodeId], ...]

    @classmethod
    def of(cls, said: Closing) -> Word:
        return cls(said.node, said.base, said.through, said.successor, tuple(said.promises.items()))

    def closing(self) -> Closing:
        fields = {**self._asdict(), "promises": dict(self.promises)}
        return Closing(**fields)


@dataclass(frozen=True)
class Node:
    """One node, as a value: what its two machines are made of, and what it has heard."""

    me: NodeId
    held: tuple[Edition, ...] = (FIRST,)
    closings: tuple[Word, ...] = ()
    counting: int = 1
    base: int = 1
    over: int = 1
    """As its disk says."""
    waits_until_ms: int = LONG_AGO_MS
    agreed: tuple[tuple[GrantKey, NodeId], ...] = ()
    promise: tuple[NodeId, int, int] | None = None
    """Holder, until when, under which version."""
    quiet_until_ms: int = 0

    def looks(self, at_ms: int) -> tuple[Node, Word | None]:
        """Let succession step; what it closes is said."""
        succession = self._succession()
        given: Input[SuccessionEvent] = Input(id="", at_ms=at_ms, wall_ms=0, draw=0, event=Reconsider())
        done = succession.step(given, self._view(at_ms))
        said = next((Word.of(p.value) for p in done.publish), None)
        now = replace(
            self,
            counting=succession.counting,
            base=succession._base,
            over=succession.over,
            waits_until_ms=succession.waits_until_ms,
            agreed=tuple(sorted(succession.agreed.items())),
        )
        return (now.hears(said) if said is not None else now), said

    def hears(self, closing: Word) -> Node:
        others = [c for c in self.closings if c.node != closing.node]
        return replace(self, closings=tuple(sorted([*others, closing])))

    def answers(self, holder: NodeId, version: int, at_ms: int) -> tuple[Node, bool]:
        """Let granting answer a request under a version of the roster."""
        granting = self._granting()
        ask = GrantAsk(number=1, roster_version=version, keys={KEY: 0})
        gave, _ = granting._grant(holder, ask, at_ms, self._granting_view(at_ms))
        return self._with(granting), KEY in gave

    def reboots(self, at_ms: int) -> Node:
        """Promises are forgotten, the disk is not."""
        longest_ms = self._succession().longest_lease_ms(self.editions(), self.counting)
        quiet_until_ms = at_ms + promise_ms(longest_ms)
        return replace(
            self,
            promise=None,
            agreed=(),
            waits_until_ms=LONG_AGO_MS,
            base=self.counting,
            quiet_until_ms=quiet_until_ms,
        )

    def at_rest(self, at_ms: int) -> Node:
        """As it would be at moment 0, with what is over left out: equal nodes are equal."""
        holder = self.promise
        return replace(
            self,
            waits_until_ms=self.waits_until_ms - at_ms if self.waits_until_ms > at_ms else LONG_AGO_MS,
            quiet_until_ms=max(self.quiet_until_ms - at_ms, 0),
            agreed=self.agreed if self.waits_until_ms > at_ms else (),
            promise=(holder[0], holder[1] - at_ms, holder[2]) if holder is not None and holder[1] > at_ms else None,
        )

    def _succession(self) -> Succession:
        return Succession(
            me=self.me,
            counting=self.counting,
            over=self.over,
            waits_until_ms=self.waits_until_ms,
            agreed=dict(self.agreed),
            _base=self.base,
        )

    def editions(self) -> dict[int, Edition]:
        return {e.electorate.roster_version: e for e in self.held}

    def electorate(self) -> Electorate:
        return self.editions()[self.counting].electorate

    def _view(self, at_ms: int) -> SuccessionView:
        return SuccessionView(
            editions=self.editions(),
            closings={c.node: c.closing() for c in self.closings},
            promises=self._granting().promised_under(self.counting, at_ms),
            fences={},
            known_from_ms=self.quiet_until_ms,
            dead=frozenset(),
        )

    def _granting(self) -> Granting:
        granting = Granting(me=self.me, quiet_until_ms=self.quiet_until_ms)
        if self.promise is not None:
            holder, until_ms, version = self.promise
            granting._promises[KEY] = _Promise(holder=holder, until_ms=until_ms, roster_version=version)
        return granting

    def _granting_view(self, at_ms: int) -> GrantingView:
        mine = next((c for c in self.closings if c.node == self.me), None)
        return GrantingView(
            electorate=self.electorate(),
            longest_lease_ms=LEASE_MS,
            lives={},
            wanted={},
            in_use=frozenset(),
            closed=mine is not None and mine.through >= self.counting,
            only_agreed_until_ms=self.waits_until_ms,
            agreed=dict(self.agreed),
        )

    def _with(self, granting: Granting) -> Node:
        promise = granting._promises.get(KEY)
        told = (promise.holder, promise.until_ms, promise.roster_version) if promise is not None else None
        return replace(self, promise=told)


@dataclass(frozen=True)
class Site:
    """All nodes at moment 0, what is on its way, and who is active for how much longer."""

    nodes: tuple[Node, ...]
    active: Actives = ()
    on_the_way: tuple[tuple[NodeId, Word], ...] = ()

    def of(self, me: NodeId) -> Node:
        return next(n for n in self.nodes if n.me == me)

    def put(self, node: Node) -> Site:
        return replace(self, nodes=tuple(node if n.me == node.me else n for n in self.nodes))

    def looked(self, me: NodeId) -> Site:
        """A node looks at what it has heard, and what it closes is on its way to the others."""
        node, said = self.of(me).looks(0)
        after = self.put(node)
        if said is None:
            return after
        sent = tuple((n.me, said) for n in self.nodes if n.me != me)
        return replace(after.looked(me), on_the_way=tuple(sorted({*self.on_the_way, *sent})))

    @property
    def broken(self) -> bool:
        return len({holder for holder, _ in self.active}) > 1

    # --- what may happen ------------------------------------------------------------------------------------------

    def ticks(self) -> Site:
        active = tuple((holder, left - TICK_MS) for holder, left in self.active if left > TICK_MS)
        passed = replace(self, active=active, nodes=tuple(n.at_rest(TICK_MS) for n in self.nodes))
        for node in passed.nodes:
            passed = passed.looked(node.me)
        return passed

    def learns(self, me: NodeId, edition_: Edition) -> Site:
        node = self.of(me)
        return self.put(replace(node, held=(*node.held, edition_))).looked(me)

    def arrives(self, to: NodeId, closing: Word) -> Site:
        left = tuple(one for one in self.on_the_way if one != (to, closing))
        return replace(self, on_the_way=left).put(self.of(to).hears(closing)).looked(to)

    def asks(self, holder: NodeId, whom: tuple[NodeId, ...]) -> Site:
        asker, after, gave = self.of(holder), self, set()
        for me in whom:
            node, yes = after.of(me).answers(holder, asker.counting, 0)
            after = after.put(node)
            gave |= {me} if yes else set()
        electorate = asker.electorate()
        if not electorate.is_quorum(frozenset(gave)):
            return after
        others = tuple(one for one in after.active if one[0] != holder)
        return replace(after, active=tuple(sorted((*others, (holder, electorate.lease_ms)))))

    def reboots(self, me: NodeId) -> Site:
        return self.put(self.of(me).reboots(0).at_rest(0))

    def following(self, offered: tuple[Edition, ...], *, reboots: bool) -> Iterator[Callable[[], Site]]:
        """All that may happen next."""
        yield self.ticks
        for to, closing in self.on_the_way:
            yield partial(self.arrives, to, closing)
        for node in self.nodes:
            for next_ in offered:
                if next_.electorate.roster_version == node.held[-1].electorate.roster_version + 1:
                    yield partial(self.learns, node.me, next_)
            if reboots:
                yield partial(self.reboots, node.me)
            others = [n for n in NODES if n != node.me]
            for number in range(len(others) + 1):
                for some in combinations(others, number):
                    yield partial(self.asks, node.me, (node.me, *some))


START = Site(nodes=tuple(Node(me=n) for n in NODES))
LAST = edition(2, C)
TWO = edition(2, B, C)
ROW = (edition(2, A, B), edition(3, B, C))
SHORTER = edition(2, C, lease_ms=TICK_MS // 10)
LONGER = (edition(2, B, C, lease_ms=3 * TICK_MS), edition(3, C, lease_ms=TICK_MS))
FORK = (edition(2, A, name="x"), edition(2, C, name="y"))


def breaks(offered: tuple[Edition, ...], most: int = STATES_MAX) -> tuple[bool, int]:
    """Breadth first: whether two are ever active, and how many states were looked at."""
    seen, border = {START}, [START]
    while border and len(seen) < most:
        reached: list[Site] = []
        for site in border:
            for happens in site.following(offered, reboots=False):
                after = happens()
                if after.broken:
                    return True, len(seen)
                if after not in seen:
                    seen.add(after)
                    reached.append(after)
        border = reached
    return False, len(seen)


def walked_into(offered: tuple[Edition, ...], *, reboots: bool, walks: int = WALKS) -> Site | None:
    """The same by chance, further and with restarts; the first state in which two are active."""
    chance = Chance(4711)
    for _ in range(walks):
        site = START
        for _ in range(STEPS):
            site = chance.pick(list(site.following(offered, reboots=reboots)))()
            if site.broken:
                return site
    return None


@pytest.fixture(autouse=True)
def closings_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CLOSE_AFTER_MS", 0)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "offered",
    [(LAST,), (TWO,), ROW, FORK, (SHORTER,), LONGER],
    ids=["one", "two", "in-a-row", "fork", "shorter lease", "longer and shorter lease"],
)
def test_x5_no_two_are_active_while_the_roster_changes(offered) -> None:
    broken, states = breaks(offered)
    assert not broken and states > 1_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "offered",
    [(LAST,), (TWO,), ROW, (SHORTER,), LONGER],
    ids=["one", "two", "in-a-row", "shorter lease", "longer and shorter lease"],
)
def test_x5_nor_when_nodes_restart_meanwhile(offered) -> None:
    assert walked_into(offered, reboots=True) is None


def waiting_without_closing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(machine, "counts_from", lambda version, editions, closings, dead: max(editions))


def closing_without_waiting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(machine, "promise_ms", lambda lease_ms: 0)


def the_lease_that_counts_alone(patch: pytest.MonkeyPatch) -> None:
    """A promise of a longer lease, given under an earlier roster, is not waited for."""
    patch.setattr(
        Succession, "longest_lease_ms", lambda self, editions, through: editions[max(editions)].electorate.lease_ms
    )


def own_promise_alone(patch: pytest.MonkeyPatch) -> None:
    """Whoever granted a holder before the change goes on with it, whatever the others had promised."""
    answers = Node.answers

    def trusting(self: Node, holder: NodeId, version: int, at_ms: int) -> tuple[Node, bool]:
        known = ((KEY, self.promise[0]),) if self.promise is not None else ()
        node, yes = answers(replace(self, agreed=known), holder, version, at_ms)
        return replace(node, agreed=self.agreed), yes

    patch.setattr(Node, "answers", trusting)


def two_successors(patch: pytest.MonkeyPatch) -> None:
    """A closing counts for whatever roster somebody holds."""
    anything = lambda version, editions, closings: {n: c for n, c in closings.items() if c.through >= version}  # noqa: E731 - one line, once
    patch.setattr(rules, "closers", anything)


def closing_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A restart takes the closing back: the node grants under the version that it has closed."""
    reboots = Node.reboots

    def forgetful(self: Node, at_ms: int) -> Node:
        others = tuple(c for c in self.closings if c.node != self.me)
        return reboots(replace(self, closings=others, held=(FIRST,), counting=1, over=1), at_ms)

    patch.setattr(Node, "reboots", forgetful)


def closing_before_it_knows(patch: pytest.MonkeyPatch) -> None:
    """A node that has just started names no promises, since it has forgotten them."""
    view = Node._view

    def knowing(self: Node, at_ms: int) -> SuccessionView:
        return replace_view(view(self, at_ms))

    def replace_view(seen: SuccessionView) -> SuccessionView:
        return SuccessionView(**{**{f: getattr(seen, f) for f in seen.__struct_fields__}, "known_from_ms": 0})

    patch.setattr(Node, "_view", knowing)


def over_at_once(patch: pytest.MonkeyPatch) -> None:
    """What was promised under the roster before counts as over as soon as the next one counts."""
    looks = Node.looks

    def hasty(self: Node, at_ms: int) -> tuple[Node, Word | None]:
        node, said = looks(self, at_ms)
        return replace(node, over=node.counting), said

    patch.setattr(Node, "looks", hasty)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("sabotage", "offered"),
    [
        (waiting_without_closing, (LAST,)),
        (closing_without_waiting, (LAST,)),
        (own_promise_alone, (LAST,)),
        (two_successors, FORK),
        (the_lease_that_counts_alone, (SHORTER,)),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_x5_each_part_is_needed(
    sabotage: Callable[[pytest.MonkeyPatch], None], offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    assert walked_into(offered, reboots=False, walks=10 * WALKS) is not None


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("sabotage", "offered"),
    [(closing_forgotten, (LAST,)), (closing_before_it_knows, (LAST,)), (over_at_once, (SHORTER,))],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_x5_what_a_restart_may_not_do(
    sabotage: Callable[[pytest.MonkeyPatch], None], offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    assert walked_into(offered, reboots=True, walks=10 * WALKS) is not None
