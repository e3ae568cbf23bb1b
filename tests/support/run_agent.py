"""Runs the agent of one folder, as a process of its own: `python -m tests.support.run_agent FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from skerry.bootstrap.agent import run_agent


def _ready(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_agent(Path(sys.argv[1]), _ready)
