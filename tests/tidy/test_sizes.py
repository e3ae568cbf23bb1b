"""Functions and files stay small; what does not is listed, and a listing that is no longer needed fails."""

from __future__ import annotations

import ast

from tests.tidy.tree import limits, modules, own_table, texts


def function_lines() -> dict[str, int]:
    """Lines of every function, decorators and docstring included, by `path::name` with the classes around it."""
    found: dict[str, int] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{'.' if not prefix.endswith('::') else ''}{child.name}"
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([child.lineno, *(mark.lineno for mark in child.decorator_list)])
                found[name] = (child.end_lineno or first) - first + 1
            walk(child, name)

    for path, tree in modules().items():
        walk(tree, f"{path}::")
    return found


def file_lines() -> dict[str, int]:
    """Lines of every Python file."""
    return {path: text.count("\n") for path, text in texts().items() if path.endswith(".py")}


def complaints(measured: dict[str, int], limit: int, allowed: dict[str, int]) -> list[str]:
    """What is too long, and which exceptions are stale."""
    found = [
        f"{name}: {lines} lines, allowed {allowed.get(name, limit)}: split it by subject"
        for name, lines in measured.items()
        if lines > allowed.get(name, limit)
    ]
    found += [
        f"{name}: listed in pyproject.toml with {lines} lines but has {measured.get(name, 0)}: lower or remove it"
        for name, lines in allowed.items()
        if measured.get(name, 0) <= limit or measured[name] < lines
    ]
    return found


def test_functions_are_short() -> None:
    assert complaints(function_lines(), limits()["function_lines_max"], own_table("functions_longer")) == []


def test_files_have_one_subject() -> None:
    assert complaints(file_lines(), limits()["file_lines_max"], own_table("files_longer")) == []


def test_an_exception_that_is_not_needed_is_a_complaint() -> None:
    assert complaints({"a": 70}, 70, {}) == []
    assert complaints({"a": 71}, 70, {"a": 71}) == []
    assert len(complaints({"a": 71}, 70, {})) == 1
    assert len(complaints({"a": 71}, 70, {"a": 80})) == 1
    assert len(complaints({"a": 60}, 70, {"a": 80})) == 1
    assert len(complaints({}, 70, {"gone": 80})) == 1
