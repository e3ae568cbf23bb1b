"""`skerry agent join`: a machine is taken in whole, or not at all."""

from __future__ import annotations

import base64
import http.client
import json
import time
from pathlib import Path
from typing import Any

import pytest

from skerry.adapters.keys import ed25519, x509
from skerry.adapters.keys.tls import Kind
from skerry.adapters.sqlite.state import SqliteStorage
from skerry.core.conversation import stored_documents
from skerry.core.stages.ir.model import CatalogueDocument, IntermediateRepresentation, Roster, SiteDocument
from skerry.shell.settings import load_settings
from tests.support.command import Verbs, skerry
from tests.support.office import EXAMPLE, RunningManager

pytestmark = pytest.mark.timeout(120)

NODE = "apiVersion: skerry/v1\nkind: Node\nmetadata: {name: %s, site: shop}\nspec: {offers: {memory: 1Gi}}\n"


def nothing_is_left(folder: Path) -> bool:
    return not folder.exists() and not [
        one for one in folder.parent.iterdir() if one.name.startswith(f".{folder.name}.")
    ]


def test_a_joined_machine_has_all_that_its_agent_needs_and_only_its_owner_can_read_it(
    verbs: Verbs, tmp_path: Path
) -> None:
    assert verbs("apply", "--file", EXAMPLE / "intent.yaml").code == 0
    folder = tmp_path / "deep" / "agent"
    ran = verbs.join(verbs.token("shop"), "shop", "whole", folder)
    assert (ran.code, ran.err) == (0, "")
    assert f"skerry agent run --folder {folder}" in ran.out
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all((folder / name).stat().st_mode & 0o077 == 0 for name in ("key.pem", "agent.json", "state.db"))
    named, key = x509.identity_in((folder / "cert.pem").read_bytes())
    assert (named.kind, named.site, named.name) == (Kind.NODE, "shop", "whole")
    assert key == ed25519.public_key(ed25519.load_key(folder / "key.pem"))
    storage = SqliteStorage(folder)
    documents = [kept.value for kept in stored_documents(storage.load(), "shop", ed25519.NaclVerifier())]
    storage.close()
    assert {type(one) for one in documents} == {Roster, SiteDocument, CatalogueDocument, IntermediateRepresentation}
    newest = max((one for one in documents if isinstance(one, Roster)), key=lambda roster: roster.version)
    assert newest.members["whole"].public_key == key
    assert [one for one in folder.parent.iterdir() if one != folder] == []


def test_the_key_is_made_on_the_machine_and_never_leaves_it(
    verbs: Verbs, manager: RunningManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []

    really = http.client.HTTPConnection.send

    def overheard(connection: http.client.HTTPConnection, data: Any) -> None:
        sent.append(data if isinstance(data, bytes) else str(data).encode())
        really(connection, data)

    monkeypatch.setattr(http.client.HTTPConnection, "send", overheard)
    assert verbs.join(verbs.token("shop"), "shop", "secretive", tmp_path / "a").code == 0
    pem = (tmp_path / "a" / "key.pem").read_bytes()
    seed = ed25519.load_key(tmp_path / "a" / "key.pem")
    spellings = (seed, seed.hex().encode(), base64.b64encode(seed)[:40], pem.splitlines()[1])
    told = b"".join(sent)
    assert b"BEGIN CERTIFICATE REQUEST" in told, "this is where it would have been"
    kept = b"".join(path.read_bytes() for path in manager.folder.rglob("*") if path.is_file())
    assert ed25519.public_key(seed) in kept
    for spelling in spellings:
        assert spelling not in told and spelling not in kept


def test_what_is_not_said_gets_a_sensible_default(verbs: Verbs, manager: RunningManager, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    words = ("agent", "join", "--manager", f"https://{manager.api_address}", "--site", "depot")
    ran = skerry(*words, "--token", verbs.token("depot"), "--name", "d1", "--folder", first)
    assert ran.code == 0, ran.err
    settings = load_settings(first)
    assert (settings.host, settings.listen, settings.api) == ("127.0.0.1", ("tls/127.0.0.1:7447",), "127.0.0.1:7448")
    assert (settings.manager, settings.uplink) == ("hq", f"tls/{manager.uplink_address}")
    assert (settings.multicast, settings.gossip, settings.peers) == (None, False, ()), "later ones dial this one"
    node = (first / "node.yaml").read_text()
    assert "kind: Node" in node
    assert "name: d1" in node
    ran = skerry(*words, "--token", verbs.token("depot"), "--name", "d2", "--folder", second, "--host", "127.0.0.2")
    assert ran.code == 0, ran.err
    assert load_settings(second).peers == ("tls/127.0.0.1:7447",), "those that joined before are known"
    assert not load_settings(second).gossip, "and nobody else has to be found"
    assert load_settings(second).host == "127.0.0.2"


def test_what_is_said_stands_in_the_settings(verbs: Verbs, tmp_path: Path) -> None:
    node = tmp_path / "node.yaml"
    node.write_text(NODE % "said")
    ran = verbs.join(
        verbs.token("shop", "--node", "said"), "shop", "said", tmp_path / "a",
        "--listen", "tls/127.0.0.1:9001", "--peer", "tls/127.0.0.1:9002", "--peer", "tls/127.0.0.1:9003",
        "--api", "127.0.0.1:9004", "--uplink", "tls/127.0.0.1:9005", "--node-file", node,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    settings = json.loads((tmp_path / "a" / "agent.json").read_text())
    assert settings["listen"] == ["tls/127.0.0.1:9001"]
    assert settings["peers"] == ["tls/127.0.0.1:9002", "tls/127.0.0.1:9003"]
    assert (settings["api"], settings["uplink"]) == ("127.0.0.1:9004", "tls/127.0.0.1:9005")
    assert (settings["multicast"], settings["gossip"]) == (None, True), "who is not named is learned from who is"
    assert (tmp_path / "a" / "node.yaml").read_text() == node.read_text()


def test_a_token_is_good_once(verbs: Verbs, tmp_path: Path) -> None:
    token = verbs.token("shop")
    assert verbs.join(token, "shop", "once", tmp_path / "a").code == 0
    ran = verbs.join(token, "shop", "twice", tmp_path / "b")
    assert (ran.code, "used already" in ran.err) == (1, True)
    assert nothing_is_left(tmp_path / "b")


def test_a_token_is_good_for_its_time(verbs: Verbs, tmp_path: Path) -> None:
    token = verbs.token("shop", "--ttl", "1s")
    made_s = time.time()
    while time.time() < made_s + 1.1:
        time.sleep(0.1)
    ran = verbs.join(token, "shop", "late", tmp_path / "a")
    assert (ran.code, "expired" in ran.err) == (1, True)
    assert nothing_is_left(tmp_path / "a")


def test_a_token_is_good_for_its_site_and_its_node(verbs: Verbs, tmp_path: Path) -> None:
    ran = verbs.join(verbs.token("depot"), "shop", "stray", tmp_path / "a")
    assert (ran.code, "another site" in ran.err) == (1, True)
    ran = verbs.join(verbs.token("shop", "--node", "n7"), "shop", "n8", tmp_path / "a")
    assert (ran.code, "another name" in ran.err) == (1, True)
    assert nothing_is_left(tmp_path / "a")


def test_an_invented_token_is_refused(verbs: Verbs, tmp_path: Path) -> None:
    secret, _, digest = verbs.token("shop").rpartition(".")
    ran = verbs.join(f"{secret[::-1]}.{digest}", "shop", "liar", tmp_path / "a")
    assert (ran.code, "not known" in ran.err) == (1, True)
    assert nothing_is_left(tmp_path / "a")


def test_nothing_is_told_to_a_manager_that_did_not_make_the_token(verbs: Verbs, tmp_path: Path) -> None:
    token = verbs.token("shop")
    foreign = token[:-1] + ("0" if token[-1] != "0" else "1")
    ran = verbs.join(foreign, "shop", "astray", tmp_path / "a")
    assert (ran.code, "not the manager that made the token" in ran.err) == (1, True)
    assert verbs.join(token, "shop", "astray", tmp_path / "a").code == 0, "the token was not used up"


def test_two_machines_cannot_have_one_name(verbs: Verbs, tmp_path: Path) -> None:
    assert verbs.join(verbs.token("shop"), "shop", "double", tmp_path / "a").code == 0
    second = verbs.token("shop")
    ran = verbs.join(second, "shop", "double", tmp_path / "b")
    assert (ran.code, "already" in ran.err) == (1, True)
    assert nothing_is_left(tmp_path / "b")
    assert verbs.join(second, "shop", "single", tmp_path / "b").code == 0, "the token was not used up"


def test_a_folder_that_is_in_use_is_left_alone(verbs: Verbs, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    token = verbs.token("shop")
    ran = verbs.join(token, "shop", "tidy", folder)
    assert (ran.code, "not empty" in ran.err) == (1, True)
    assert [one.name for one in folder.iterdir()] == ["mine"]
    (folder / "mine").unlink()
    assert verbs.join(token, "shop", "tidy", folder).code == 0, "an empty folder is taken, and the token is still good"


def test_an_owners_word_for_another_machine_is_refused_before_the_manager_is_asked(
    verbs: Verbs, tmp_path: Path
) -> None:
    node = tmp_path / "node.yaml"
    token = verbs.token("shop")
    for text, told in ((NODE % "other", "other"), (NODE % "mine" + "more: 1\n", "more"), ("", "no document")):
        node.write_text(text)
        ran = verbs.join(token, "shop", "mine", tmp_path / "a", "--node-file", node)
        assert (ran.code, told in ran.err, str(node) in ran.err) == (1, True, True), ran.err
    assert nothing_is_left(tmp_path / "a")
    assert verbs.join(token, "shop", "mine", tmp_path / "a").code == 0, "the token was not used up"


def test_where_nobody_answers_exit_code_3_says_so_and_nothing_is_left(tmp_path: Path) -> None:
    ran = skerry(
        *("agent", "join", "--manager", "https://127.0.0.1:1", "--token", "s." + "0" * 64),
        *("--site", "shop", "--name", "n1", "--folder", tmp_path / "a"),
    )
    assert (ran.code, "does not answer" in ran.err) == (3, True)
    assert nothing_is_left(tmp_path / "a")


def test_a_token_for_a_site_that_does_not_exist_is_not_made(manager: RunningManager) -> None:
    ran = skerry("manager", "token", "--folder", manager.folder, "--site", "atlantis")
    assert (ran.code, ran.out) == (1, "")
    assert "depot, shop" in ran.err


def test_a_token_of_a_manager_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    ran = skerry("manager", "token", "--folder", tmp_path / "nothing", "--site", "shop")
    assert (ran.code, ran.out) == (1, "")
    assert str(tmp_path / "nothing") in ran.err
    assert not (tmp_path / "nothing").exists()
