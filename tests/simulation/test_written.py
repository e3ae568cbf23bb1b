"""What people write in drawn worlds holds together, as head office would check it."""

from __future__ import annotations

from skerry.core.stages.intent.rules import check
from skerry.sim.book import Book
from skerry.sim.chance import Chance
from skerry.sim.written import asked_otherwise, written_otherwise


def test_whatever_is_written_can_be_applied_and_no_two_worlds_are_alike(book: Book) -> None:
    seen = set()
    for seed in range(40):
        chance = Chance(seed)
        catalogue = written_otherwise(book.catalogue, chance, 1)
        intents = [asked_otherwise(intent, chance) for intent in book.intents.values()]
        assert check([*catalogue.manifests(), *intents], catalogue, book.expressions) == []
        seen.add(repr(catalogue))
    assert len(seen) == 40


def test_the_editions_of_one_world_differ_and_agree_on_what_may_run_twice(book: Book) -> None:
    editions = [written_otherwise(book.catalogue, Chance(7), number) for number in range(1, 21)]
    assert len({repr(one) for one in editions}) == 20
    assert len({tuple(role.spec.on_split for role in one.roles.values()) for one in editions}) == 1
