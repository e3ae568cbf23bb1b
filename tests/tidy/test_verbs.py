"""The demonstration is a script over the lab's public verbs: what it does to a site, a person can type."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.tree import shipped

SEEING = {"api", "manager"}
"""The public APIs, asked as the lab's operator; `skerry` asks the same."""
BEHIND_THE_VERBS = {"carrier", "hog", "networks", "relay", "slow", "tampering"}
"""What `skerry.lab.site` does its verbs with."""


def verbs() -> dict[str, set[str]]:
    """Each verb of `skerry lab` that is about one lab, with the methods of `Lab` that it calls."""
    found: dict[str, set[str]] = {}
    for path in ("src/skerry/cli/lab.py", "src/skerry/cli/lab_wires.py"):
        for function in (node for node in shipped()[path].body if isinstance(node, ast.FunctionDef)):
            called = {
                node.func.attr
                for node in ast.walk(function)
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func.value) == "opened(folder)"
            }
            if called:
                found[function.name] = called
    return found


def demo() -> Iterator[tuple[str, ast.AST]]:
    """Every piece of the demonstration's syntax, with its file."""
    for path, tree in shipped().items():
        if path.startswith("src/skerry/lab/demo/"):
            yield from ((path, node) for node in ast.walk(tree))


def test_a_verb_is_the_method_of_its_name() -> None:
    assert {name: called for name, called in verbs().items() if called != {name}} == {}
    assert {"up", "status", "cut", "heal", "freeze", "thaw", "kill", "slow", "load", "down"} <= set(verbs())


def test_the_demonstration_does_nothing_to_a_lab_that_no_verb_does() -> None:
    done = {
        (path, node.func.attr)
        for path, node in demo()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value).endswith((".lab", "._lab"))
    }
    assert {(path, what) for path, what in done if what not in {*verbs(), *SEEING}} == set()
    assert {"cut", "heal", "freeze", "thaw", "kill", "start", "slow", "load", "down"} <= {what for _, what in done}


def test_the_demonstration_signals_no_process_of_a_lab_and_goes_round_no_verb() -> None:
    imported = {
        (path, f"{node.module}.{name.name}")
        for path, node in demo()
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    } | {(path, name.name) for path, node in demo() if isinstance(node, ast.Import) for name in node.names}
    behind = {f"skerry.lab.{name}" for name in BEHIND_THE_VERBS}
    assert {one for one in imported if one[1] in behind or one[1].startswith("skerry.guard")} == set()
    # The stranger that lies is the demonstration's own process, and no node's.
    assert {path for path, name in imported if name == "signal"} == {"src/skerry/lab/demo/forging.py"}
