"""What the example's client does when an intake is about to go, and when one has failed."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from skerry.examples.programs.caller import Reply, Unanswered
from skerry.examples.programs.client import Client
from skerry.examples.programs.finding import Finder, Service

ONE, OTHER = Service("intake#1", "n1", "127.0.0.1:1"), Service("intake#2", "n2", "127.0.0.1:2")
LEAVES = {"skerry-draining": "1"}


class Nodes(Finder):
    """Nodes that give these answers to look-ups, in turn; None: no node answers in time."""

    def __init__(self, *answers: Service | None) -> None:
        super().__init__(["http://127.0.0.1:1"], "object-store.v1", None)
        self.answers = list(answers)

    def find(self) -> Service | None:
        return self.answers.pop(0)


def served_by(finder: Finder, *headers: Mapping[str, str] | None, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The instance that served each operation, or None; None in `headers`: the intake does not answer."""
    log, answers = io.StringIO(), list(headers)
    client = Client("c", 1, finder, log)

    def call(endpoint: str, *_: object, **__: object) -> Reply:
        answer = answers.pop(0)
        if answer is None:
            raise Unanswered("gone")
        return Reply(201, answer, b"{}")

    monkeypatch.setattr(client, "_caller", type("Intakes", (), {"call": staticmethod(call)})())
    monkeypatch.setattr(client, "_get", client._put)
    for _ in headers:
        client.step()
    return [line["instance"] if line["ok"] else None for line in map(json.loads, log.getvalue().splitlines())]


def test_an_intake_that_is_about_to_go_serves_until_another_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = served_by(Nodes(ONE, None, OTHER), LEAVES, LEAVES, {}, {}, monkeypatch=monkeypatch)
    assert found == ["intake#1", "intake#1", "intake#2", "intake#2"]


def test_one_that_has_failed_is_not_asked_again_before_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served_by(Nodes(ONE, None), None, monkeypatch=monkeypatch) == [None]
    client = Client("c", 1, Nodes(None), log := io.StringIO())
    client.step()
    assert json.loads(log.getvalue())["error"] == "no node knows the service"
