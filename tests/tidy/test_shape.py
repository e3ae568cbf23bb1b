"""The shape of the code: packages, the core's purity, records, and the folder list as the order of the flow."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from tests.tidy.tree import CORE, limits, modules, shipped, texts

SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore)\b(.*)")
# In the core these read or write the outside, or differ from one process to the next (hash, id).
IMPURE_CALLS = {"open", "print", "input", "hash", "id", "breakpoint", "eval", "exec", "__import__"}


def core() -> dict[str, ast.Module]:
    return {path: tree for path, tree in shipped().items() if path.startswith("src/skerry/core/")}


def test_packages_hold_a_docstring_and_imports_only() -> None:
    wrong = []
    for path, tree in shipped().items():
        if path.endswith("/__init__.py"):
            if ast.get_docstring(tree) is None:
                wrong.append(f"{path}: no docstring; say in a few lines what is in the folder")
            for node in tree.body[1:]:
                names = {t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)}
                if not isinstance(node, ast.Import | ast.ImportFrom) and not names & {"__all__", "__version__"}:
                    wrong.append(f"{path}:{node.lineno}: code in a package's __init__; move it to a module")
    assert wrong == []


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


def test_the_core_imports_only_what_is_listed() -> None:
    allowed = set(limits()["core_imports"])
    assert [
        f"{path}:{line}: {name} in the core; what it needs from outside comes with the input or through a protocol"
        for path, tree in core().items()
        for line, name in imports(tree)
        if name.split(".")[0] not in allowed and not f"{name}.".startswith("skerry.core.")
    ] == []


def test_the_guard_and_the_programs_need_only_the_standard_library() -> None:
    ours = {"src/skerry/guard/": "skerry.guard.", "src/skerry/examples/programs/": "skerry.examples.programs."}
    assert [
        f"{path}:{line}: {name}; a node runs many of these, and they must stay small"
        for folder, own in ours.items()
        for path, tree in shipped().items()
        for line, name in imports(tree)
        if path.startswith(folder)
        and name.split(".")[0] not in sys.stdlib_module_names
        and not f"{name}.".startswith(own)
    ] == []


def test_the_core_calls_nothing_that_touches_the_outside() -> None:
    assert [
        f"{path}:{node.lineno}: {node.func.id}() in the core"
        for path, tree in core().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS
    ] == []


def base_names(node: ast.ClassDef) -> set[str]:
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return {ast.unparse(base).rpartition(".")[2] for base in bases}


def true_keywords(node: ast.ClassDef) -> set[str | None]:
    return {word.arg for word in node.keywords if isinstance(word.value, ast.Constant) and word.value.value is True}


def test_every_record_repeats_that_it_is_frozen_and_by_keyword() -> None:
    classes = [
        (path, node) for path, tree in shipped().items() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    records = {"Value"}
    while more := {node.name for _, node in classes if base_names(node) & records} - records:
        records |= more
    assert len(records) > 5
    assert [
        f"{path}:{node.lineno}: class {node.name} must repeat frozen=True, kw_only=True"
        for path, node in classes
        if node.name in records and base_names(node) & records and not true_keywords(node) >= {"frozen", "kw_only"}
    ] == []


def test_the_pipeline_names_every_stage_folder() -> None:
    path = "src/skerry/core/pipeline.py"
    assert path in modules(), f"{path} is not there: it names the stages in their order"
    named = [node.value for node in ast.walk(modules()[path]) if isinstance(node, ast.Constant)]
    stages = {folder.name for folder in (CORE / "stages").iterdir() if (folder / "__init__.py").exists()}
    assert stages - {word for word in named if isinstance(word, str)} == set()


def test_a_suppression_says_what_and_why_and_lifts_no_ban() -> None:
    wrong = []
    for path, text in texts().items():
        for number, line in enumerate(text.splitlines(), 1) if path.endswith(".py") else ():
            found = SUPPRESSION.search(line)
            if found is None or path == "tests/tidy/test_shape.py":
                continue
            if "TID251" in found[2]:
                wrong.append(f"{path}:{number}: a ban is lifted in pyproject.toml's table, not in the line")
            elif not re.match(r"(: [A-Z]+\d+(, ?[A-Z]+\d+)*|\[[a-z, -]+\])\s+[(#:-]\s*\w", found[2]):
                wrong.append(f"{path}:{number}: name the code and, after it, the reason")
    assert wrong == []
