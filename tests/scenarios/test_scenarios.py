"""Every scenario file goes as it is written, and the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.transcript import parse, replay, unparse

FILES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_scenario_goes_as_it_is_written(path: Path, request: pytest.FixtureRequest) -> None:
    written = path.read_text()
    found = unparse(replay(parse(written)))
    if request.config.getoption("--rewrite", default=False):
        path.write_text(found)
    else:
        assert found.splitlines() == written.splitlines(), f"pytest tests/scenarios --rewrite shows it in {path.name}"


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 4


def test_an_unknown_command_is_named() -> None:
    with pytest.raises(ValueError, match="'fly' is no command"):
        replay(parse("fly away\n"))
