"""Which Skerry is this? A seed means a world only together with the code that ran it."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import skerry
from skerry.inputlog.version import core_version

PACKAGE = Path(skerry.__file__).parent


@cache
def origin() -> str:
    """The commit of the checkout, and whether it was changed since; elsewhere the version and a digest of the core."""
    commit = _git("rev-parse", "--short=12", "HEAD") if _git("ls-files", "--", "__init__.py") else None
    if commit is None:
        return f"version {core_version()}"
    return f"commit {commit}{' with changes' if _git('status', '--porcelain', '--', '.') else ''}"


def _git(*words: str) -> str | None:
    """What it says of the package's folder; None if that is no checkout, or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(PACKAGE), *words], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
