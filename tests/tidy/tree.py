"""The checkout as the tidy tests see it: its files, their syntax, and the table of exceptions in pyproject.toml."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "skerry"
CORE = SRC / "core"
NOT_OURS = {".git", ".venv", "build", "dist", "__pycache__"}


@cache
def project() -> dict[str, Any]:
    """The whole of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def limits() -> dict[str, Any]:
    """The table `tool.skerry.tidy`."""
    table: dict[str, Any] = project()["tool"]["skerry"]["tidy"]
    return table


@cache
def texts() -> dict[str, str]:
    """Every text file of the checkout that is kept under version control, by its path from the root."""
    found: dict[str, str] = {}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if not path.is_file() or NOT_OURS & set(parts) or any(part.endswith("_cache") for part in parts):
            continue
        if parts[0] == ".hypothesis" or path.suffix in {".pyc", ".tmp"}:
            continue
        try:
            found["/".join(parts)] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image or the like
    return found


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of every Python file, by its path from the root."""
    return {name: ast.parse(text, name) for name, text in texts().items() if name.endswith(".py")}


def shipped() -> dict[str, ast.Module]:
    """Of `modules`, what is in the wheel."""
    return {name: tree for name, tree in modules().items() if name.startswith("src/skerry/")}


def own_table(key: str) -> dict[str, int]:
    """One of the tables of exceptions to a size."""
    table: dict[str, int] = limits()[key]
    return table
