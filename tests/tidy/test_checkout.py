"""The checkout as a stranger finds it: commands that exist, no word about the place where it was made."""

from __future__ import annotations

import os
import re

from tests.tidy.tree import ROOT, project, texts

# In two pieces, so that this file does not complain about itself.
HOSTS = re.compile("|".join(("pypi" + r"\.(org|io)", "python" + "hosted", "crates" + r"\.io")))
FOLDERS = re.compile(r"(?<![\w.}$~-])/(?:" + "|".join(("wor" + "k", "roo" + "t", "hom" + "e", "User" + "s")) + r")/\w")


def test_no_file_names_a_registry() -> None:
    assert [path for path, text in texts().items() if HOSTS.search(text)] == []


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    assert [
        f"{path}:{number}: {line.strip()[:80]}"
        for path, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if FOLDERS.search(line)
    ] == []


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", texts()["Makefile"], re.MULTILINE))


def test_every_make_command_in_the_documents_exists() -> None:
    assert "README.md" in texts()
    told = {
        (path, target)
        for path, text in texts().items()
        if path.endswith(".md")
        for target in re.findall(r"(?:^\s*(?:\$ )?|`)make ([a-z-]+)", text, re.MULTILINE)
    }
    assert {(path, target) for path, target in told if target not in make_targets()} == set()
    assert {"demo", "test"} <= {target for path, target in told if path == "README.md"}


def test_every_link_between_documents_leads_to_a_file() -> None:
    broken = []
    for path, text in texts().items():
        if path.endswith(".md"):
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
                if not (ROOT / path).parent.joinpath(target).exists():
                    broken.append(f"{path}: {target}")
    assert broken == []


def test_every_decision_has_a_number_of_its_own_and_bears_it() -> None:
    decisions = {path: text for path, text in texts().items() if path.startswith("docs/decisions/")}
    numbers = [path.split("/")[-1][:4] for path in decisions]
    assert sorted(set(numbers)) == sorted(numbers)
    assert [p for p, text in decisions.items() if not text.startswith(f"# {p.split('/')[-1][:4]}: ")] == []


def test_every_dependency_is_pinned_with_a_hash() -> None:
    lines = [line for line in texts()["requirements.lock"].splitlines() if line and not line.startswith(("#", " "))]
    pinned = {re.split(r"[=\[ ]", line)[0].lower().replace("_", "-") for line in lines if "==" in line}
    assert [line for line in lines if "==" not in line or not line.endswith("\\")] == []
    table = project()
    wanted = table["project"]["dependencies"] + table["dependency-groups"]["dev"]
    names = {re.split(r"[\[<>=~! ]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names - pinned == set()


def test_the_programs_of_the_checkout_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
