"""Joining a site (D5): a token is good once, for one site, for a while; a node gets all that it needs to be alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.adapters.keys import x509
from skerry.core.kernel.values import digest
from skerry.core.stages.ir.model import CatalogueDocument, IntermediateRepresentation, Roster, SiteDocument
from tests.support.office import EXAMPLE, Member, RunningManager, authority_digest

pytestmark = pytest.mark.timeout(180)  # a busy machine takes its time to start processes


def test_a_joined_node_holds_roster_site_catalogue_and_intents_in_the_managers_own_hand(
    manager: RunningManager, tmp_path: Path
) -> None:
    manager.apply((EXAMPLE / "intent.yaml").read_text())
    member = Member(manager, "shop", "n1", tmp_path / "n1")
    kinds = {type(document) for document in member.documents()}
    assert kinds == {Roster, SiteDocument, CatalogueDocument, IntermediateRepresentation}
    assert member.roster.members["n1"].public_key == member.signer.public_key
    assert member.roster.operators["admin"].may == ("apply", "declare-dead", "hold", "hand_over")
    named, key = x509.identity_in(member.joined["certificate"].encode())
    assert (named.site, named.name, key) == ("shop", "n1", member.signer.public_key)


def test_a_token_names_the_authority_so_that_a_node_knows_whom_it_talks_to(manager: RunningManager) -> None:
    assert manager.token("shop").rpartition(".")[2] == authority_digest(manager)
    assert manager.stranger.get("/v1/authority")["ca"] == (manager.folder / "ca.pem").read_text()


def test_every_roster_names_the_one_before_it(manager: RunningManager, tmp_path: Path) -> None:
    first = Member(manager, "depot", "d1", tmp_path / "d1")
    second = Member(manager, "depot", "d2", tmp_path / "d2")
    assert second.roster.version == first.roster.version + 1
    assert second.roster.predecessor == digest(first.roster)
    assert set(second.roster.members) == {*first.roster.members, "d2"}


def test_a_used_an_expired_a_foreign_and_an_invented_token_are_refused_each_with_its_own_word(
    manager: RunningManager, tmp_path: Path
) -> None:
    used = manager.token("shop")
    assert manager.ask_to_join(used, "shop", "used-1")[0] == 200
    refusals = [
        manager.ask_to_join(used, "shop", "used-2"),
        manager.ask_to_join(manager.token("shop", ttl=0), "shop", "late"),
        manager.ask_to_join(manager.token("depot"), "shop", "foreign"),
        manager.ask_to_join(manager.token("shop", node="other"), "shop", "misnamed"),
        manager.ask_to_join(f"invented.{authority_digest(manager)}", "shop", "invented"),
    ]
    assert {status for status, _ in refusals} == {403}
    assert len({answer["error"] for _, answer in refusals}) == len(refusals)
    assert not {"used-2", "late", "foreign", "misnamed", "invented"} & set(
        manager.admin.get("/v1/sites/shop")["members"]
    )


def test_two_nodes_of_one_name_cannot_both_join_and_the_second_keeps_its_token(manager: RunningManager) -> None:
    assert manager.ask_to_join(manager.token("shop"), "shop", "twin")[0] == 200
    token = manager.token("shop")
    status, answer = manager.ask_to_join(token, "shop", "twin")
    assert status == 409 and "twin" in answer["error"]
    assert manager.ask_to_join(token, "shop", "other-twin")[0] == 200


def test_x5_a_node_is_taken_out_and_its_name_is_not_given_again(manager: RunningManager) -> None:
    assert manager.ask_to_join(manager.token("shop"), "shop", "goes")[0] == 200
    version = manager.admin.get("/v1/sites/shop")["roster_version"]
    assert manager.delete("/v1/sites/shop/nodes/goes")[0] == 200
    after = manager.admin.get("/v1/sites/shop")
    assert "goes" not in after["members"] and after["roster_version"] == version + 1
    assert manager.delete("/v1/sites/shop/nodes/goes")[0] == 404
    status, answer = manager.ask_to_join(manager.token("shop"), "shop", "goes")
    assert status == 409 and "choose another" in answer["error"]


def test_u15_a_new_machine_takes_the_place_of_another_in_one_roster(manager: RunningManager) -> None:
    assert manager.ask_to_join(manager.token("shop"), "shop", "old")[0] == 200
    version = manager.admin.get("/v1/sites/shop")["roster_version"]
    assert manager.ask_to_join(manager.token("shop"), "shop", "new", replaces="old")[0] == 200
    after = manager.admin.get("/v1/sites/shop")
    assert {"old", "new"} & set(after["members"]) == {"new"} and after["roster_version"] == version + 1
    token = manager.token("shop")
    assert manager.ask_to_join(token, "shop", "newer", replaces="old")[0] == 409
    assert manager.ask_to_join(token, "shop", "newer", replaces="new")[0] == 200


@pytest.mark.parametrize("name", ["", "a b", "*", "../up", "x" * 64, "n1/n2"])
def test_a_name_that_cannot_be_a_nodes_is_refused(manager: RunningManager, name: str) -> None:
    status, answer = manager.ask_to_join(manager.token("shop"), "shop", name)
    assert status == 400 and "error" in answer


def test_a_request_that_is_none_is_refused_and_costs_no_token(manager: RunningManager) -> None:
    token = manager.token("shop")
    status, answer = manager.ask_to_join(token, "shop", "formless", request="-----BEGIN NONSENSE-----")
    assert status == 400 and "certificate request" in answer["error"]
    assert manager.ask_to_join(token, "shop", "formed")[0] == 200


def test_without_a_certificate_one_may_join_and_nothing_else(manager: RunningManager) -> None:
    for path in ("/v1/sites", "/v1/sites/shop", "/v1/intents", "/v1/use", "/v1/events", "/metrics"):
        assert manager.stranger.ask(path)[0] == 403, path
    assert manager.stranger.ask("/v1/apply", body=b"")[0] == 403
    assert manager.stranger.ask("/v1/tokens?site=shop", body=b"")[0] == 403


def test_a_node_may_neither_apply_nor_make_tokens_nor_read_of_other_sites(
    manager: RunningManager, tmp_path: Path
) -> None:
    node = Member(manager, "shop", "curious", tmp_path / "curious").api()
    assert node.ask("/v1/apply", body=b"")[0] == 403
    assert node.ask("/v1/tokens?site=shop", body=b"")[0] == 403
    assert node.ask("/v1/sites/depot")[0] == 403
