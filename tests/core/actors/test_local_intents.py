"""U4: what an operator hands in at the site itself, at a machine that is taken out of the roster."""

from __future__ import annotations

import msgspec

from skerry.core.conversation import Leave, LeaveAsked, opened
from skerry.core.group.custody.machine import stored_key
from skerry.core.kernel.effects import Effects, Reply
from skerry.core.kernel.ids import IntentId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import body_digest
from skerry.core.stages.intent.events import LocalIntent, LocalIntentGiven
from skerry.core.stages.intent.local import RIGHT
from tests.core.things import element, ir
from tests.scenarios.world import OPERATOR, Node, World

SETTLED_MS = 6_000
TOLD_MS = 500
NOTES = IntentId("hq/notes")
LOCAL = ir(element("store"), intent=NOTES, local=True)


class Site(World):
    """Three members and an operator who may hand intents in; and what that one was answered."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        super().__init__("abc", ir(element("store")), watch=self._watch)
        ann = msgspec.structs.replace(self.roster.operators[OPERATOR], may=(RIGHT,))
        self.next_roster(operators={OPERATOR: ann})
        self.start(*"abc")
        self.run(SETTLED_MS)

    def _watch(self, node: Node, given: Input[object], done: Effects) -> None:
        self.replies += done.reply

    def next_roster(self, **fields: object) -> None:
        """The manager's next one."""
        before = body_digest(self.desks["hq"].issued[f"roster/{self.roster.version:06d}"])
        fields = {"version": self.roster.version + 1, "predecessor": before, **fields}
        self.roster = msgspec.structs.replace(self.roster, **fields)
        self.issue(self.roster)

    def takes_out(self, name: str) -> None:
        """By the manager's next roster."""
        members = dict(self.roster.members)
        self.next_roster(former={NodeId(name): members.pop(NodeId(name))}, members=members)

    def hands_in(self, at: str) -> Reply:
        """The operator's word, and what comes of it."""
        word = self.word(LocalIntent(manifests="notes")).sealed
        self.replies.clear()
        self.step(self.nodes[at], LocalIntentGiven(request="r", operator=OPERATOR, ir=LOCAL, evidence=word))
        (reply,) = self.replies
        return reply

    def known_at(self) -> str:
        """The nodes that hold it."""
        names = (n for n, node in self.nodes.items() if node.agent is not None and NOTES in node.agent.picture.irs())
        return "".join(names)


def test_u4_what_is_handed_in_anywhere_the_whole_site_has() -> None:
    site = Site()
    assert site.hands_in("c").ok
    site.run(TOLD_MS)
    assert site.known_at() == "abc"


def test_u4_a_machine_that_was_taken_out_takes_no_intent_that_nobody_would_take_from_it() -> None:
    site = Site()
    site.takes_out("c")
    site.run(SETTLED_MS)
    assert not site.hands_in("c").ok
    site.run(TOLD_MS)
    assert site.known_at() == ""


def test_u4_nor_does_one_that_leaves() -> None:
    site = Site()
    site.part_from_manager()
    node = site.nodes["c"]
    leave = opened(site._sealed("c", node.signer, Leave(node=node.name)), "shop", site._key, site.verifier)[0]
    site.step(node, LeaveAsked(request="r", said=leave))
    assert not site.hands_in("c").ok


def test_u4_what_was_handed_in_at_who_is_taken_out_then_nobody_offers_for_ever_to_those_who_take_it_no_more() -> None:
    site = Site()
    site.part("a", "bc")
    site.run(SETTLED_MS)
    site.hands_in("c")
    site.run(TOLD_MS)
    assert site.known_at() == "bc"
    site.takes_out("c")
    site.heal()
    site.run(2 * SETTLED_MS)
    assert site.known_at() == ""
    a, b = (site.nodes[name].agent for name in "ab")
    assert a is not None and b is not None
    assert a.picture.custody.versions() == b.picture.custody.versions()
    assert [name for name, node in site.nodes.items() if stored_key(f"intent/{NOTES}") in node.disk] == []
