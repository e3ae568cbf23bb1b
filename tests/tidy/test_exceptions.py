"""Exceptions to the linter's rules stand in one table, and one that nothing needs any longer fails."""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

from tests.tidy.tree import ROOT, project


def violations_without_exceptions() -> set[tuple[str, str]]:
    """(path, code) of all that ruff finds when no file is excepted from anything."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    command = [ruff, "check", "--config", "lint.per-file-ignores = {}", "--output-format", "json", "--exit-zero", "."]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return {(str(Path(hit["filename"]).relative_to(ROOT)), hit["code"] or "") for hit in json.loads(ran.stdout)}


def test_every_exception_to_a_lint_rule_is_still_needed() -> None:
    table: dict[str, list[str]] = project()["tool"]["ruff"]["lint"]["per-file-ignores"]
    found = violations_without_exceptions()
    stale = [
        f"{pattern}: {code} is no longer violated there; remove it from pyproject.toml"
        for pattern, codes in table.items()
        for code in codes
        if not any(hit.startswith(code) and fnmatch(path, pattern) for path, hit in found)
    ]
    assert stale == []
