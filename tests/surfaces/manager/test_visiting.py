"""A manager becomes a guest at another's site, by two papers; what is not as it should be is refused in words (D25)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.adapters.keys import ed25519
from tests.support.office import EXAMPLE, Member, RunningManager, with_two_sites

pytestmark = pytest.mark.timeout(180)  # a busy machine takes its time to start processes

SHOP = (EXAMPLE / "site.yaml").read_text()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningManager]:
    """With a site that a node has joined."""
    folder = tmp_path_factory.mktemp("home")
    with with_two_sites(RunningManager(folder / "hq")) as running:
        Member(running, "shop", "n1", folder / "n1")
        yield running


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningManager]:
    """A manager of its own, with a catalogue and no site."""
    running = RunningManager(tmp_path_factory.mktemp("branch") / "branch", name="branch")
    running.start()
    assert running.apply((EXAMPLE / "catalogue.yaml").read_text())[0] == 200
    yield running
    assert running.end() == (0, "")


def ask(manager: RunningManager, path: str, paper: Any) -> tuple[int, Any]:
    return manager.admin.ask(path, body=json.dumps(paper).encode())


def card_of(manager: RunningManager, **changes: Any) -> dict[str, Any]:
    return {**manager.admin.get("/v1/card"), **changes}


def site(manager: RunningManager, name: str = "shop") -> dict[str, Any]:
    found: dict[str, Any] = manager.admin.get(f"/v1/sites/{name}")
    return found


def test_a_guest_waits_until_a_member_was_heard_and_then_says_what_it_wants(
    home: RunningManager, branch: RunningManager
) -> None:
    status, invitation = ask(home, "/v1/sites/shop/guests", card_of(branch))
    assert status == 200, invitation
    assert ask(branch, "/v1/visits", invitation) == (200, {"site": "shop", "home": "hq"})
    assert branch.apply((EXAMPLE / "intent.yaml").read_text())[0] == 200
    assert (site(branch)["intents"], site(branch)["managers"]) == ([], ["hq", "branch"])
    assert "not heard" in site(branch)["notices"][0]
    branch.end()
    branch.start()
    assert (site(branch)["home"], site(home)["managers"]) == ("hq", ["hq", "branch"])


def test_to_admit_it_again_changes_nothing_but_where_it_is(home: RunningManager, branch: RunningManager) -> None:
    ask(home, "/v1/sites/shop/guests", card_of(branch))
    before = site(home)["roster_version"]
    assert ask(home, "/v1/sites/shop/guests", card_of(branch))[0] == 200
    assert site(home)["roster_version"] == before
    moved = card_of(branch, uplink="tls/192.0.2.7:7446")
    assert ask(home, "/v1/sites/shop/guests", moved)[0] == 200
    assert (site(home)["roster_version"], site(home)["managers"]) == (before + 1, ["hq", "branch"])


OTHER_KEY = ed25519.public_key(ed25519.generate())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "n1"}, "the name of somebody else"),
        ({"name": "hq"}, "the name of somebody else"),
        ({"name": "admin"}, "the name of somebody else"),
        ({"name": "a/b"}, "letters, digits"),
        ({"public_key": "QUFB"}, "a key of 32 bytes"),
        ({"public_key": base64.b64encode(OTHER_KEY).decode()}, "a name is given once"),
        ({"uplink": "tcp/192.0.2.7:1"}, "tls/HOST:PORT"),
        ({"authority": "nothing"}, "cannot be read"),
        ({"colour": "red"}, "no card"),
    ],
    ids=["a node", "home", "an operator", "no name", "no key", "another key", "no endpoint", "no authority", "more"],
)
def test_a_card_that_cannot_be_used_is_refused(
    home: RunningManager, branch: RunningManager, change: dict[str, Any], why: str
) -> None:
    ask(home, "/v1/sites/shop/guests", card_of(branch))
    before = site(home)["roster_version"]
    status, said = ask(home, "/v1/sites/shop/guests", card_of(branch, **change))
    assert status in (400, 409) and why in said["error"], said
    assert site(home)["roster_version"] == before


def test_an_invitation_for_another_or_that_was_changed_is_refused(home: RunningManager, branch: RunningManager) -> None:
    _, invitation = ask(home, "/v1/sites/depot/guests", card_of(branch, name="elsewhere"))
    status, said = ask(branch, "/v1/visits", invitation)
    assert status == 409 and "does not name branch" in said["error"]
    status, said = ask(branch, "/v1/visits", {**invitation, "site": "shop2"})
    assert status == 400 and "cannot be believed" in said["error"]
    status, said = ask(branch, "/v1/visits", {**invitation, "documents": []})
    assert status == 400 and "cannot be believed" in said["error"]
    assert [line["site"] for line in branch.admin.get("/v1/sites")["sites"]] in ([], ["shop"])


def test_what_is_the_home_managers_business_is_refused_at_a_guest(home: RunningManager, branch: RunningManager) -> None:
    ask(branch, "/v1/visits", ask(home, "/v1/sites/shop/guests", card_of(branch))[1])
    assert "site shop is hq's" in str(branch.apply(SHOP))
    token = branch.token("shop")
    assert "hq is the home manager" in str(branch.ask_to_join(token, "shop", "n9"))
    assert "hq is the home manager" in str(branch.delete("/v1/sites/shop/nodes/n1"))
    assert "hq is the home manager" in str(ask(branch, "/v1/sites/shop/guests", card_of(branch, name="third")))


def test_who_is_dismissed_is_no_manager_there_any_more(home: RunningManager, branch: RunningManager) -> None:
    ask(home, "/v1/sites/shop/guests", card_of(branch))
    assert home.delete("/v1/sites/shop/guests/branch") == (200, {"dismissed": "branch"})
    assert site(home)["managers"] == ["hq"]
    assert home.delete("/v1/sites/shop/guests/branch")[0] == 404
    assert ask(home, "/v1/sites/shop/guests", card_of(branch))[0] == 200
    assert site(home)["managers"] == ["hq", "branch"]


def test_papers_are_for_operators_alone(home: RunningManager, tmp_path: Path) -> None:
    member = Member(home, "shop", "n2", tmp_path / "n2")
    assert member.api().ask("/v1/card")[0] == 403
    assert member.api().ask("/v1/sites/shop/guests", body=b"{}")[0] == 403
