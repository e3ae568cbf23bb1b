"""`pytest tests/scenarios --rewrite` writes what happens now into the scenario files; read the difference."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known when this folder is named on the command line."""
    parser.addoption("--rewrite", action="store_true", help="write what happens now into tests/scenarios/*.txt")
