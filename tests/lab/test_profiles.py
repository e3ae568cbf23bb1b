"""In what the nodes of a lab differ, and where their folders are."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from skerry.bootstrap.programs import own_programs
from skerry.lab import profiles

MEMORY = str(profiles.MEMORY_DISK)
in_memory = pytest.mark.skipif(not os.access(MEMORY, os.W_OK), reason="no memory disk")


@in_memory
def test_folders_are_made_on_a_disk_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", MEMORY)
    monkeypatch.delenv("TMPDIR", raising=False)
    assert profiles.disk() == profiles.LASTING
    monkeypatch.setenv("TMPDIR", MEMORY)
    assert profiles.disk() == Path(MEMORY)


def test_no_two_nodes_are_alike_as_stores() -> None:
    found = {(one.in_memory, one.programs, one.one_core, one.nice) for one in profiles.PROFILES}
    assert len(found) == len(profiles.PROFILES)


def test_an_owner_allows_programs_that_there_are() -> None:
    assert {program for one in profiles.PROFILES for program in one.programs} <= set(own_programs())
