"""Who stood still answers when it goes on: nobody believes it, and it is counted. And what it costs not to look."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.examples.programs.caller import Caller, Reply, Unanswered
from skerry.examples.programs.client import Client
from skerry.examples.programs.finding import Finder, Service
from tests.examples.harness import Program, Shop, eventually


class At(Finder):
    """A finder that knows the way to one intake, and has to be told of another."""

    def __init__(self, intake: Program) -> None:
        super().__init__([f"http://{intake.endpoint}"], "object-store.v1", None)
        self.intake = intake

    def find(self) -> Service:
        return Service(self.intake.instance, self.intake.node, self.intake.endpoint)


class Site:
    """Two stores and a placement with an intake beside it; and later another placement with another intake."""

    def __init__(self, shop: Shop, *, intake: tuple[str, ...] = (), store: tuple[str, ...] = ()) -> None:
        self.shop, self.words = shop, intake
        folders = [(node, str(shop.folder / node)) for node in ("n1", "n2")]
        self.stores = [
            shop.start("store", node, "--dir", folder, *store, number=number)
            for number, (node, folder) in enumerate(folders, 1)
        ]
        self.placement, self.intake = self.door("n1", fence=1)

    def door(self, node: str, fence: int) -> tuple[Program, Program]:
        placement = self.shop.start("placement", node, "--fence", str(fence), number=fence, fence=fence)
        intake = self.shop.start("intake", node, *self.words, number=fence)
        self.shop.tell(placement, store=self.stores)
        self.shop.tell(intake, placement=[placement])
        eventually(lambda: placement.stats()["rebuilt"])
        return placement, intake

    def refused(self) -> int:
        """By fence, at the stores and at the first intake."""
        stores = sum(int(store.stats()["refused_fence"]) for store in self.stores)
        return stores + int(self.intake.stats()["late_answers"])


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    with io.StringIO() as text:
        yield text


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def served(client: Client, log: io.StringIO) -> dict[str, object] | None:
    """What is logged of the next operation, if it was; a busy machine takes several."""
    client.step()
    return lines(log)[-1] if lines(log)[-1]["ok"] else None


@contextlib.contextmanager
def woken(site: Site, log: io.StringIO, *, in_flight: str, any_fence: bool = False) -> Iterator[tuple[Client, int]]:
    """A client in whose next operation the door and its placement fell silent; others took over, with a higher fence,
    and served it; now the silent ones wake up. With how much it had logged by then."""
    client = Client("till", 1, At(site.intake), log, any_fence=any_fence)
    try:
        for _ in range(2 if in_flight == "put" else 3):
            client.step()
        silent = (site.intake, site.placement)
        for program in silent:
            program.freeze()
        client.step()
        assert (lines(log)[-1]["op"], lines(log)[-1]["ok"]) == (in_flight, False)
        _, other = site.door("n2", fence=2)
        client._finder = At(other)
        client._service = None
        assert eventually(lambda: served(client, log))["fence"] == 2
        before = len(lines(log))
        for program in silent:
            program.thaw()
        yield client, before
    finally:
        client._caller.close()


def test_what_a_silent_door_says_at_last_is_refused_by_the_client_and_is_no_request(
    shop: Shop, log: io.StringIO
) -> None:
    with woken(Site(shop), log, in_flight="get") as (client, before):
        (late,) = eventually(lambda: [line for line in lines(log) if line.get("kind") == "late"])
        assert (late["op"], late["fence"], late["highest"], late["ok"]) == ("get", 1, 2, False)
        assert client.summary()["requests"] == before


def test_what_a_silent_door_writes_at_last_is_refused_by_the_stores(shop: Shop, log: io.StringIO) -> None:
    site = Site(shop)
    with woken(site, log, in_flight="put"):
        assert eventually(site.refused) >= 1
        assert not [line for line in lines(log) if line.get("kind") == "late"], "it said no, by no fence"


@pytest.mark.parametrize("in_flight", ["get", "put"])
def test_without_fences_the_late_answer_is_believed_and_that_shows(
    in_flight: str, shop: Shop, log: io.StringIO
) -> None:
    site = Site(shop, intake=("--any-fence",), store=("--any-fence",))
    with woken(site, log, in_flight=in_flight, any_fence=True) as (_, before):
        (believed,) = eventually(lambda: [line for line in lines(log)[before:] if line["ok"]])
        assert (believed["op"], believed["fence"], site.refused()) == (in_flight, 1, 0)


def test_a_silent_placement_that_answers_at_last_is_counted_by_the_intake_that_asked(shop: Shop) -> None:
    site = Site(shop)
    site.placement.freeze()
    assert site.intake.call("PUT", "/o/a", b"x").status == 503
    other, _ = site.door("n2", fence=2)
    shop.tell(site.intake, placement=[other])
    eventually(lambda: site.intake.call("PUT", "/o/b", b"x").status == 201)
    site.placement.thaw()
    assert eventually(lambda: site.intake.stats()["late_answers"]) == 1


def test_with_one_copy_a_lost_store_is_a_lost_object(shop: Shop) -> None:
    stores = [shop.store("n1"), shop.store("n2")]
    placement = shop.start("placement", "n1", "--fence", "1", "--copies", "1", fence=1)
    intake = shop.start("intake", "n2", "--copies", "1")
    shop.tell(placement, store=stores)
    shop.tell(intake, placement=[placement])
    eventually(lambda: placement.stats()["rebuilt"])
    names = [f"o{number}" for number in range(4)]
    assert [intake.call("PUT", f"/o/{name}", b"x").status for name in names] == [201] * 4
    assert sum(int(store.stats()["objects"]) for store in stores) == 4
    assert placement.stats()["under_replicated"] == 0
    stores[0].kill()
    shop.tell(placement, store=stores[1:])
    eventually(lambda: set(placement.stats()["stores"]) == {stores[1].key})
    found = [intake.call("GET", f"/o/{name}").status for name in names]
    assert sorted(found) == [200, 200, 503, 503]


def test_whoever_does_not_ask_for_late_answers_leaves_no_connection_open(shop: Shop, tmp_path: Path) -> None:
    store = shop.store("n1")
    heard: list[tuple[str, str, Reply]] = []
    patient, other = Caller(late=lambda *told: heard.append(told)), Caller()
    store.freeze()
    for caller in (patient, other):
        with pytest.raises(Unanswered):
            caller.call(store.endpoint, "GET", "/stats", within_ms=100)
    store.thaw()
    eventually(lambda: heard)
    for caller in (patient, other):
        caller.close()
    assert [(method, path, reply.status) for method, path, reply in heard] == [("GET", "/stats", 200)]
