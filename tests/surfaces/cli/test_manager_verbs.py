"""Verbs against a manager: what is applied, listed, described and deleted, and how refusals end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from skerry.adapters.keys import ed25519, x509
from skerry.adapters.keys.tls import Identity, Kind, TlsFiles
from tests.support.command import Verbs, skerry
from tests.support.office import EXAMPLE, RunningManager

pytestmark = pytest.mark.timeout(120)

BAD = """
apiVersion: skerry/v1
kind: Intent
metadata: {name: bad}
spec:
  functionality: tiered-storage@1
  limits: {putRate: -1/s}
  colour: red
"""


def intents(verbs: Verbs) -> set[tuple[str, str, bool]]:
    return {(row["site"], row["name"], row["withdrawn"]) for row in verbs.json("get", "intents")["intents"]}


def test_applied_again_nothing_changes(verbs: Verbs) -> None:
    assert verbs("apply", "-f", EXAMPLE / "intent.yaml").code == 0
    ran = verbs("apply", "-f", EXAMPLE / "catalogue.yaml", "-f", EXAMPLE / "intent.yaml")
    assert (ran.code, ran.err) == (0, "")
    assert "shop-files" in ran.out
    assert {row["change"] for row in verbs.json("apply", "-f", EXAMPLE / "intent.yaml")["applied"]} == {"unchanged"}
    assert ("shop", "shop-files", False) in intents(verbs)


def test_faults_are_told_with_the_users_own_files_and_lines_and_nothing_is_applied(
    verbs: Verbs, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text((EXAMPLE / "intent.yaml").read_text().replace("shop-files", "good"))
    bad.write_text(BAD)
    for order in ((good, bad), (bad, good)):
        ran = verbs("apply", "-f", order[0], "-f", order[1])
        assert (ran.code, ran.out) == (1, "")
        assert "nothing was applied" in ran.err
        assert f"{bad}:8:3: spec.colour" in ran.err
        assert str(good) not in ran.err
    bad.write_text(BAD.replace("  colour: red\n", "").replace("tiered-storage", "no-such"))
    ran = verbs("apply", "-f", good, "-f", bad)
    assert f"{bad}:6:" in ran.err
    assert not {name for _, name, _ in intents(verbs)} & {"good", "bad"}


def test_a_file_that_cannot_be_read_is_named(verbs: Verbs, tmp_path: Path) -> None:
    ran = verbs("apply", "-f", tmp_path / "nothing.yaml")
    assert (ran.code, "nothing.yaml: cannot be read" in ran.err) == (1, True)
    (tmp_path / "bytes").write_bytes(b"a: \xff")
    ran = verbs("apply", "-f", tmp_path / "bytes")
    assert (ran.code, "UTF-8" in ran.err) == (1, True)


def test_manifests_may_come_from_standard_input(verbs: Verbs, manager: RunningManager, tmp_path: Path) -> None:
    where = ("--server", f"https://{manager.api_address}", "--identity", str(manager.folder / "operators" / "admin"))
    argv = [sys.executable, "-m", "skerry", "apply", "--file", "-", *where]
    src = str(Path(__file__).parents[3] / "src")
    ran = subprocess.run(
        argv, input=BAD, env={"PYTHONPATH": src}, capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "stdin:8:3: spec.colour" in ran.stderr


def test_a_deleted_intent_is_withdrawn_and_cannot_be_deleted_again(verbs: Verbs, tmp_path: Path) -> None:
    short = tmp_path / "short.yaml"
    short.write_text((EXAMPLE / "intent.yaml").read_text().replace("shop-files", "short"))
    assert verbs("apply", "-f", short).code == 0
    assert verbs("delete", "intent", "short").code == 0
    assert ("shop", "short", True) in intents(verbs)
    ran = verbs("delete", "intent", "short")
    assert (ran.code, "'short'" in ran.err) == (1, True)


def test_a_node_that_is_not_there_cannot_be_taken_out(verbs: Verbs) -> None:
    ran = verbs("delete", "node", "nobody")
    assert (ran.code, "no site has one" in ran.err) == (1, True)
    assert verbs("delete", "node", "shop/nobody").code == 1


@pytest.mark.parametrize("what", ["sites", "intents", "catalogue", "nodes", "plan", "fits", "verdicts", "journal"])
def test_whatever_is_listed_can_be_had_as_a_table_as_json_and_as_yaml(verbs: Verbs, what: str) -> None:
    site = () if what in ("sites", "intents", "catalogue") else ("--site", "shop")
    shown = verbs("get", what, *site)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out
    assert "\x1b" not in shown.out
    as_yaml = verbs("get", what, *site, "-o", "yaml")
    assert set(yaml.safe_load(as_yaml.out)) == set(verbs.json("get", what, *site))


def test_where_there_are_several_sites_one_has_to_be_named(verbs: Verbs) -> None:
    ran = verbs("get", "plan")
    assert (ran.code, "--site depot|shop" in ran.err) == (1, True)
    ran = verbs("get", "plan", "--site", "atlantis")
    assert (ran.code, "atlantis" in ran.err) == (1, True)


def test_a_described_intent_shows_what_it_was_translated_into(verbs: Verbs) -> None:
    assert verbs("apply", "-f", EXAMPLE / "intent.yaml").code == 0
    found = yaml.safe_load(verbs("describe", "intent", "shop-files").out)
    (ir,) = found["translated"]["shop"]
    connected, isolated = (set(ir["sets"][name]["elements"]) for name in ("connected", "isolated"))
    assert isolated < connected, "one role is left out while isolated"
    assert ir["governance"]
    assert verbs.json("describe", "intent", "hq/shop-files") == found


def test_what_does_not_exist_is_refused_with_what_does(verbs: Verbs) -> None:
    for words, known in (
        (("describe", "site", "atlantis"), "depot, shop"),
        (("describe", "intent", "nothing"), "hq/shop-files"),
        (("describe", "instance", "nothing", "--site", "shop"), "none yet"),
        (("history", "nothing"), "tiered-storage@"),
        (("history", "tiered-storage@2"), "tiered-storage@1"),
        (("use", "nobody"), "none yet"),
    ):
        ran = verbs(*words)
        assert (ran.code, ran.out) == (1, "")
        assert known in ran.err, words


def test_accounts_of_sites_that_never_ran_are_empty_and_not_an_error(verbs: Verbs) -> None:
    assert verbs.json("history")["history"] == []
    assert verbs.json("use")["use"] == []
    assert verbs("events").code == 0
    assert [row["site"] for row in verbs.json("status")["sites"]] == ["depot", "shop"]


@pytest.mark.parametrize("name", ["shop-files", "hq/shop-files", "tiered-storage", "tiered-storage@1"])
def test_history_may_be_asked_for_as_an_intent_names_its_functionality(verbs: Verbs, name: str) -> None:
    assert verbs("apply", "-f", EXAMPLE / "intent.yaml").code == 0
    assert verbs("history", name).code == 0


def test_events_are_one_json_object_a_line(verbs: Verbs, tmp_path: Path) -> None:
    joined = verbs.join(verbs.token("depot"), "depot", "eventful", tmp_path / "a")
    assert joined.code == 0, joined.err
    lines = [json.loads(line) for line in verbs("events", "-o", "json").out.splitlines()]
    assert all({"number", "what", "node"} <= set(line) for line in lines)
    last = lines[-1]["number"] if lines else 0
    assert verbs("events", "--after", str(last)).out == ""


def test_only_a_node_explains(verbs: Verbs) -> None:
    ran = verbs("explain", "hq/shop-files/store#1")
    assert (ran.code, "only a node" in ran.err) == (1, True)


def test_where_nobody_answers_the_exit_code_is_3(verbs: Verbs) -> None:
    ran = verbs.at("127.0.0.1:1")("get", "sites")
    assert (ran.code, ran.out) == (3, "")
    assert "nobody answers" in ran.err


def test_an_identity_of_another_authority_does_not_get_in(
    verbs: Verbs, manager: RunningManager, tmp_path: Path
) -> None:
    authority = x509.create_authority("somebody else")[1]
    seed = ed25519.generate()
    who = Identity(kind=Kind.OPERATOR, site="", name="admin")
    certificate = authority.issue(x509.create_request(seed), who)
    for ca, told in ((authority.certificate_pem, "ca.pem"), ((manager.folder / "ca.pem").read_bytes(), "certificate")):
        x509.save(TlsFiles.within(tmp_path), authority_pem=ca, certificate_pem=certificate, seed=seed)
        ran = verbs.at(manager.api_address, tmp_path)("get", "sites")
        assert (ran.code, told in ran.err) == (1, True), ran.err
    ran = verbs.at(manager.api_address, tmp_path / "empty")("get", "sites")
    assert (ran.code, "key.pem" in ran.err) == (1, True)


def test_a_node_may_read_and_not_apply(verbs: Verbs, manager: RunningManager, tmp_path: Path) -> None:
    assert verbs.join(verbs.token("shop"), "shop", "reader", tmp_path / "a").code == 0
    as_node = verbs.at(manager.api_address, tmp_path / "a")
    assert as_node("get", "nodes", "--site", "shop").code == 0
    ran = as_node("get", "nodes", "--site", "depot")
    assert (ran.code, "'shop'" in ran.err) == (1, True)
    ran = as_node("apply", "-f", EXAMPLE / "intent.yaml")
    assert (ran.code, "operator" in ran.err) == (1, True)


def test_a_second_manager_on_a_taken_port_says_so_and_ends(manager: RunningManager, tmp_path: Path) -> None:
    ran = skerry(
        *("manager", "run", "--folder", tmp_path / "m", "--api", manager.api_address),
        *("--uplink", manager.uplink_address),
    )
    assert (ran.code, ran.out) == (1, "")
    assert str(tmp_path / "m") in ran.err
