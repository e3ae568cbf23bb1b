"""Skerry as a user has it: the wheel that `make wheel` builds, installed by the README's own lines, once a test run."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.readme import blocks

ROOT = Path(__file__).parents[2]
BUILT_WITHIN_S = 120
INSTALLED_WITHIN_S = 300
INSTALLING = "python3 -m venv"


class Installed(NamedTuple):
    """What the install lines leave behind."""

    home: Path
    """The home folder of whoever typed them; its `skerry` is the environment."""
    wheel: Path


def installed(factory: pytest.TempPathFactory) -> Installed:
    """Build and install, at the first call. Raises `AssertionError` with what make or pip complained about."""
    return _installed(factory.getbasetemp() / "installed")


@functools.cache
def _installed(home: Path) -> Installed:
    home.mkdir()
    # What runs this very test is set up: nothing is to be set up anew beneath it.
    _run(["make", "--old-file=.venv/.complete", "wheel"], ROOT, dict(os.environ), BUILT_WITHIN_S)
    (built,) = (ROOT / "dist").glob("skerry-*.whl")
    wheel = Path(shutil.copy(built, home))
    (lines,) = (block.text for block in blocks("Install on real machines") if INSTALLING in block.text)
    assert wheel.name in lines, f"README.md installs another wheel than make wheel builds, {wheel.name}"
    _run(["bash", "-e", "-c", lines], home, environment(home), INSTALLED_WITHIN_S)
    return Installed(home, wheel)


def environment(home: Path) -> dict[str, str]:
    """The variables of a user with another home folder, and the interpreter of this run as `python3`."""
    own = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "SKERRY_SERVER", "SKERRY_IDENTITY", "SKERRY_TOKEN")
    kept = {name: value for name, value in os.environ.items() if name not in own}
    interpreter = Path(sys.executable).resolve().parent
    return {
        "XDG_CACHE_HOME": str(Path.home() / ".cache"),  # what pip has got once need not be got again,
        "XDG_CONFIG_HOME": str(Path.home() / ".config"),  # and where from is as everywhere on this machine
        **kept,
        "HOME": str(home),
        "PATH": f"{interpreter}:{os.environ['PATH']}",
    }


def _run(argv: list[str], folder: Path, env: dict[str, str], within_s: float) -> None:
    done = subprocess.run(
        argv,
        cwd=folder,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=within_s,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
