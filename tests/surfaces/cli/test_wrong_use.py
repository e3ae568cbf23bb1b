"""What makes no sense on the command line is said before anything is tried: exit code 2, and what was expected."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.cli.app import build
from tests.support.command import skerry
from tests.support.office import REPOSITORY

TOKEN = "secret." + "0" * 64
JOIN = ("agent", "join", "--manager", "https://127.0.0.1:1", "--site", "shop", "--name", "n1", "--folder", "x")
WRONG = [
    (("call", "greeting.v1", "hello"), "begins with /"),
    (("fly",), "fly"),
    (("get",), "journal"),
    (("get", "spoons"), "spoons"),
    (("get", "sites", "-o", "xml"), "xml"),
    (("get", "sites"), "--server"),
    (("status", "--server", "https://127.0.0.1:1"), "--identity"),
    (("status", "--server", "http://127.0.0.1:1"), "https://HOST:PORT"),
    (("status", "--server", "https://127.0.0.1"), "HOST:PORT"),
    (("apply",), "--file"),
    (("delete", "site", "shop"), "site"),
    (("manager", "run", "--folder", "x", "--api", "nowhere", "--uplink", "127.0.0.1:1"), "HOST:PORT"),
    (("manager", "token", "--folder", "x", "--site", "s", "--ttl", "soon"), "soon"),
    (("manager", "token", "--folder", "x", "--site", "s", "--ttl", "10ms"), "too short"),
    (("lab", "link", "n1", "sideways"), "sideways"),
    (("lab", "clock", "n1", "-yesterday"), "duration"),
    (("lab", "rate", "n1", "fast"), "bits a second"),
    (("lab", "chaos", "--fault", "flood"), "blackout"),
    ((*JOIN,), "--token"),
    ((*JOIN, "--token", "no-token-at-all"), "whole"),
    ((*JOIN, "--token", TOKEN, "--listen", "127.0.0.1:7447"), "tls/HOST:PORT"),
    ((*JOIN[:-4], "--name", "No Name", "--folder", "x", "--token", TOKEN), "No Name"),
]


@pytest.mark.parametrize(("words", "told"), WRONG, ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_wrong_words_are_refused_and_the_right_ones_are_told(words: tuple[str, ...], told: str) -> None:
    ran = skerry(*words)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert not Path("x").exists()


def test_every_verb_says_what_it_is_for_and_shows_an_example() -> None:
    app = build()
    groups = {group.name: group.typer_instance for group in app.registered_groups if group.name != "lab"}
    verbs: list[tuple[str, ...]] = [
        (command.name or command.callback.__name__,) for command in app.registered_commands if command.callback
    ]
    verbs += [
        (str(name), command.name or command.callback.__name__)
        for name, group in groups.items()
        if group is not None
        for command in group.registered_commands
        if command.callback
    ]
    assert len(verbs) > 15
    for words in verbs:
        ran = skerry(*words, "--help")
        assert ran.code == 0, words
        if words[0] not in ("probe", "sim", "doctor"):
            assert "Example" in ran.out, words


@pytest.mark.parametrize("words", [(), ("lab",)], ids=["skerry", "lab"])
def test_on_a_narrow_terminal_no_verb_is_cut_short_in_the_list_of_verbs(words: tuple[str, ...]) -> None:
    verbs = skerry(*words, "--help").out.partition("Commands:")[2].splitlines()
    assert len(verbs) > 10
    assert [line for line in verbs if line.endswith("...")] == []


def test_help_comes_at_once() -> None:
    argv = [sys.executable, "-X", "importtime", "-m", "skerry", "--help"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    heavy = {"zenoh", "litestar", "uvicorn", "sqlalchemy", "cryptography", "cel", "psutil", "rich", "httpx", "sqlite3"}
    assert "skerry.cli.app" in loaded
    assert not heavy & loaded


def test_doctor_finds_nothing_wrong_where_the_tests_run() -> None:
    ran = skerry("doctor")
    assert ran.code == 0, ran.out
    assert "BAD" not in ran.out
