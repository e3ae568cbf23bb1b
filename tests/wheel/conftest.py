"""Somebody who has installed the wheel and stands in an empty folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.installed import environment, installed

VERB_WITHIN_S = 120.0


class User:
    """Types commands."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.folder = folder
        self._env = environment(home)
        self._env["PATH"] = f"{home / 'skerry' / 'bin'}:{self._env['PATH']}"

    def __call__(self, *words: str, within_s: float = VERB_WITHIN_S) -> str:
        """Run a verb of Skerry; returns what it printed. Raises `AssertionError` if it failed."""
        return self._run(["skerry", *words], within_s)

    def types(self, lines: str, within_s: float = VERB_WITHIN_S) -> str:
        """Lines typed into a shell, up to the first that fails. As calling."""
        return self._run(["bash", "-e", "-c", lines], within_s)

    def _run(self, argv: list[str], within_s: float) -> str:
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=self._env,
            check=False,
            capture_output=True,
            text=True,
            timeout=within_s,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def user(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> User:
    """Of the wheel that was built from this checkout."""
    return User(installed(tmp_path_factory).home, tmp_path)
