"""Intake, placement and stores together, as processes: two copies always, one placement's word, drains, the client."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.examples.programs.caller import split_endpoint
from skerry.examples.programs.messages import Answer, Request
from skerry.examples.programs.server import Server
from tests.examples.harness import Directory, Program, Shop, environment, eventually, module, run, sha
from tests.support.ports import free_port


class Full:
    """A shop with everything in it: one intake, one placement, stores on three nodes."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.stores = [shop.store(node, engine) for node, engine in (("n1", "log"), ("n2", "files"), ("n3", "log"))]
        self.placement = shop.start("placement", "n1", "--fence", "1", fence=1)
        self.intake = shop.start("intake", "n2")
        self.tell()
        eventually(lambda: self.placement.stats()["rebuilt"])

    def tell(self) -> None:
        """Tell everybody of the stores and the placement that are there now."""
        for store in self.stores:
            self.shop.tell(store)
        self.shop.tell(self.placement, store=self.stores)
        self.shop.tell(self.intake, placement=[self.placement], store=self.stores)

    def put(self, name: str, body: bytes) -> None:
        reply = self.intake.call("PUT", f"/o/{name}", body, Skerry_Client="till")
        assert reply.status == 201, reply.body

    def fill(self, count: int) -> dict[str, bytes]:
        objects = {f"o{number:03}": b"%d " % number * (number + 1) for number in range(count)}
        for name, body in objects.items():
            self.put(name, body)
        return objects

    def copies(self, stores: list[Program]) -> dict[str, int]:
        """How many of these stores really list each object."""
        counts: dict[str, int] = {}
        for store in stores:
            for name, *_ in store.call("GET", "/list").json()["objects"]:
                counts[name] = counts.get(name, 0) + 1
        return counts

    def settled(self) -> dict[str, Any] | None:
        """What placement says once it counts on exactly these stores, and nothing is left to be copied."""
        stats = self.placement.stats()
        noticed = stats["stores"].keys() == {store.key for store in self.stores}
        return stats if noticed and not stats["under_replicated"] and not stats["copying"] else None

    def replace_placement(self, fence: int) -> Program:
        """Another placement of a higher term takes over; the old one is left as it is."""
        old, self.placement = self.placement, self.shop.start("placement", "n3", "--fence", str(fence), fence=fence)
        self.tell()
        eventually(lambda: self.placement.stats()["rebuilt"])
        return old


@contextlib.contextmanager
def client(directory: Directory, log: Path) -> Iterator[Callable[[], dict[str, Any]]]:
    """A client at work; what it yields ends it and gives its summary."""
    command = module("client", "--nodes", directory.url, "--name", "till", "--log", str(log), "--rate", "40")
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:

        def end() -> dict[str, Any]:
            process.send_signal(signal.SIGTERM)
            summary: dict[str, Any] = json.loads(process.communicate(timeout=10)[0])
            return summary

        try:
            yield end
        finally:
            process.kill()


@contextlib.contextmanager
def stale_intake() -> Iterator[str]:
    """The endpoint of one that passes on, under fence 1, whatever it is asked: an answer that was held up for long."""
    endpoint = f"127.0.0.1:{free_port()}"

    def answer(request: Request) -> Answer:
        return Answer(201 if request.method == "PUT" else 200, b"old", (("Skerry-Fence", "1"),))

    server = Server(*split_endpoint(endpoint), answer)
    server.start()
    yield endpoint
    server.stop(0)


@pytest.fixture
def full(shop: Shop) -> Full:
    return Full(shop)


def test_yes_means_two_copies_on_two_nodes(full: Full) -> None:
    objects = full.fill(12)
    assert full.copies(full.stores) == dict.fromkeys(objects, 2)
    for name, body in objects.items():
        reply = full.intake.call("GET", f"/o/{name}")
        assert (reply.status, reply.body, reply.headers["skerry-fence"]) == (200, body, "1")
    assert full.intake.call("GET", "/o/nothing").status == 404
    assert full.intake.call("PUT", "/o/bad", b"x", Skerry_Sha256=sha(b"y")).status == 400
    assert full.intake.call("HEAD", "/o/o003").headers["content-length"] == "8"


def test_without_a_placement_the_intake_says_so_at_once(shop: Shop) -> None:
    intake = shop.start("intake", "n1")
    reply = intake.call("PUT", "/o/a", b"x")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


def test_a_dead_store_costs_no_object_and_its_copies_are_restored(full: Full) -> None:
    objects = full.fill(12)
    gone = full.stores.pop(0)
    gone.kill()
    # Nobody has been told yet: reads fall back to the other copy, writes go to stores that answer.
    for name, body in objects.items():
        assert full.intake.call("GET", f"/o/{name}").body == body
    full.put("while-dead", b"x")
    full.tell()
    eventually(full.settled)
    objects["while-dead"] = b"x"
    assert full.copies(full.stores) == dict.fromkeys(objects, 2)
    # It comes back with what it had: merged, and extra copies harm nobody.
    full.shop.again(gone)
    full.stores.append(gone)
    full.tell()
    eventually(lambda: gone.key in full.placement.stats()["stores"])
    assert full.placement.stats()["objects"] == len(objects)
    assert min(full.copies(full.stores).values()) == 2


def test_a_silent_store_costs_no_failed_request(full: Full) -> None:
    objects = full.fill(6)
    full.stores[1].freeze()
    for name, body in objects.items():
        assert full.intake.call("GET", f"/o/{name}").body == body
    for number in range(6):
        full.put(f"silent{number}", b"x")


def test_a_new_placement_learns_all_and_the_old_one_is_worth_nothing(full: Full) -> None:
    objects = full.fill(8)
    old = full.placement
    old.freeze()
    full.replace_placement(2)
    assert full.placement.stats()["objects"] == len(objects)
    for name, body in objects.items():
        reply = full.intake.call("GET", f"/o/{name}")
        assert (reply.body, reply.headers["skerry-fence"]) == (body, "2")
    old.thaw()
    # Its decision is still given, but bears a fence that no store and no intake takes.
    decision = old.call("POST", "/place", json.dumps({"name": "late", "size": 1}).encode()).json()
    for chosen in decision["stores"]:
        store = next(store for store in full.stores if store.endpoint == chosen["endpoint"])
        assert store.put("late", b"x", fence=1, version=decision["version"]).status == 412
        assert store.stats()["refused_fence"] >= 1
    full.shop.tell(full.intake, placement=[old])
    eventually(lambda: full.intake.call("PUT", "/o/late", b"x").status == 503)
    eventually(lambda: full.intake.stats()["late_answers"] >= 1)
    assert full.intake.call("GET", "/o/o001").status == 503
    full.tell()
    eventually(lambda: full.intake.call("GET", "/o/o001").status == 200)


def test_a_placement_that_misses_a_store_does_not_say_that_an_object_is_not_there(full: Full) -> None:
    full.fill(6)
    silent = full.stores[0]
    silent.freeze()
    full.replace_placement(2)
    assert full.intake.call("GET", "/o/nobody-knows").status == 503
    silent.thaw()
    eventually(lambda: full.intake.call("GET", "/o/nobody-knows").status == 404)


def test_a_drained_store_goes_when_its_copies_stand_elsewhere(full: Full) -> None:
    objects = full.fill(12)
    leaving = full.stores[0]
    assert leaving.call("GET", "/drained").status == 409
    leaving.draining = True
    full.tell()
    eventually(lambda: leaving.call("GET", "/drained").status == 200)
    assert min(full.copies(full.stores[1:]).values()) == 2
    full.put("after", b"x")
    assert "after" not in full.copies([leaving])
    # No longer to be drained: it takes objects again, and may not go.
    leaving.draining = False
    full.tell()
    eventually(lambda: leaving.call("GET", "/drained").status == 409)
    assert full.copies(full.stores).keys() == {*objects, "after"}


def test_a_store_that_leaves_is_written_to_until_its_successor_is_there(full: Full) -> None:
    objects = full.fill(4)
    successor, full.stores = full.stores[2], full.stores[:2]
    full.stores[0].draining = True
    full.tell()
    eventually(lambda: full.placement.stats()["under_replicated"] == len(objects))
    full.put("meanwhile", b"x")
    full.stores.append(successor)
    full.tell()
    eventually(lambda: full.stores[0].call("GET", "/drained").status == 200)
    assert full.copies(full.stores[1:])["meanwhile"] == 2


def test_a_store_that_alone_has_an_object_may_not_go(full: Full) -> None:
    full.fill(4)
    for gone in full.stores[1:]:
        gone.kill()
    full.stores = full.stores[:1]
    full.stores[0].draining = True
    full.tell()
    eventually(lambda: full.placement.stats()["under_replicated"] == 4)
    assert full.stores[0].call("GET", "/drained").status == 409
    assert full.intake.call("PUT", "/o/alone", b"x").status == 503


def test_a_drained_intake_says_so_and_goes_when_nobody_comes(full: Full) -> None:
    full.put("a", b"x")
    assert full.intake.call("GET", "/drained").status == 409
    full.intake.draining = True
    full.tell()
    eventually(lambda: full.intake.call("GET", "/o/a").headers.get("skerry-draining") == "1")
    eventually(lambda: full.intake.call("GET", "/drained").status == 200)


def test_use_is_metered_by_client_and_second(full: Full) -> None:
    full.put("a", b"x")
    full.intake.call("GET", "/o/missing", Skerry_Client="other")
    full.intake.call("GET", "/o/a")
    clients = full.intake.call("GET", "/use").json()["clients"]
    assert clients.keys() == {"till", "other"}
    [[start, end]] = clients["till"]["seconds_ok"]
    assert 1 <= end - start <= 2
    assert clients["till"]["seconds_failed"] == []
    assert clients["other"]["seconds_ok"] == []
    assert len(clients["other"]["seconds_failed"]) == 1


def test_migrate_sees_the_stores(full: Full) -> None:
    full.fill(5)
    migrate = full.shop.start("migrate", "n1")
    full.shop.tell(migrate, placement=[full.placement], store=full.stores)
    found = eventually(lambda: migrate.stats()["found"].get(full.stores[2].key))
    assert found["objects"] == full.copies(full.stores[2:]).__len__()


def test_the_client_keeps_account_through_a_loss_and_a_drain(full: Full, directory: Directory, tmp_path: Path) -> None:
    directory.offers = [full.intake]
    log = tmp_path / "client.log"
    with client(directory, log) as end:
        eventually(lambda: log.exists() and log.read_text().count("\n") > 20)
        full.stores.pop(0).kill()
        full.tell()
        other = full.shop.start("intake", "n3", number=2)
        full.shop.tell(other, placement=[full.placement], store=full.stores)
        eventually(lambda: other.call("PUT", "/o/first", b"x").status == 201)
        full.intake.draining = True
        directory.offers = [full.intake, other]
        full.tell()
        eventually(lambda: full.intake.call("GET", "/drained").status == 200)
        summary = end()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert summary["requests"] == len(lines) == summary["ok"] + summary["failed"]
    assert [line["error"] for line in lines if not line["ok"]] == []
    assert {line["instance"] for line in lines} == {full.intake.instance, other.instance}
    assert summary["longest_gap_ms"] < 3_000
    assert summary["seconds_of_use"] >= 1
    assert (summary["wrong_answers"], summary["missing_answers"], summary["late_answers"]) == (0, 0, 0)
    checked = run("client", "--nodes", directory.url, "--verify", str(log))
    assert checked.returncode == 0
    assert json.loads(checked.stdout) == {
        "acknowledged": summary["acknowledged"], "fine": summary["acknowledged"], "lost": 0, "lost_names": [],
        "wrong": 0, "wrong_names": [], "unread": 0, "unread_names": [],
    }  # fmt: skip


def test_verification_finds_what_is_lost_and_what_is_wrong(full: Full, directory: Directory, tmp_path: Path) -> None:
    directory.offers = [full.intake]
    full.put("here", b"x")
    log = tmp_path / "client.log"
    lines = [{"op": "put", "ok": True, "name": name, "sha": sha(b"y")} for name in ("here", "never")]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"op": "put", "ok": tr')
    checked = run("client", "--nodes", directory.url, "--verify", str(log))
    result = json.loads(checked.stdout)
    assert checked.returncode == 1
    assert (result["lost_names"], result["wrong_names"], result["acknowledged"]) == (["never"], ["here"], 2)


def test_the_client_refuses_a_lower_fence_than_it_has_seen(full: Full, directory: Directory, tmp_path: Path) -> None:
    log = tmp_path / "client.log"
    full.replace_placement(2)
    directory.offers = [full.intake]
    with stale_intake() as stale, client(directory, log) as end:
        eventually(lambda: log.exists() and '"fence": 2' in log.read_text())
        directory.offers = [dataclasses.replace(full.intake, endpoint=stale)]
        full.intake.kill()
        eventually(lambda: '"error": "late"' in log.read_text())
        summary = end()
    late = [json.loads(line) for line in log.read_text().splitlines() if '"error": "late"' in line]
    assert summary["late_answers"] == len(late)
    assert not any(line["ok"] for line in late)
    assert summary["fence"] == 2


def test_a_client_with_bad_arguments_says_what_was_expected(tmp_path: Path) -> None:
    for arguments, expected in (
        (["--nodes", "n1:80", "--log", str(tmp_path / "log")], "http://HOST:PORT"),
        (["--nodes", "http://127.0.0.1:1"], "--log or --verify"),
        (["--nodes", "http://127.0.0.1:1", "--verify", str(tmp_path / "none")], "none"),
    ):
        done = run("client", *arguments)
        assert (done.returncode, expected in done.stderr) == (2, True), done.stderr
    assert os.listdir(tmp_path) == []
