"""Which processes there are below one, found by the kernel's own lists as by looking at all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from skerry.guard import census
from skerry.shell.clock import boot_ms

THREE = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], check=False)"
WITHIN_MS = 10_000


@pytest.fixture
def family() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child; both end when nothing more can be read."""
    started = subprocess.Popen([sys.executable, "-c", THREE], stdin=subprocess.PIPE)
    until_ms = boot_ms() + WITHIN_MS
    while len(census.below(started.pid)) < 2 and boot_ms() < until_ms:
        pass
    yield started
    started.communicate()


def test_what_is_below_a_process_is_it_and_all_its_descendants(family: subprocess.Popen[bytes]) -> None:
    everything = census.scan()
    expected = census.with_descendants(everything[os.getpid()], census.children_of(everything))
    found = census.below(os.getpid())
    assert set(found) == {process.pid for process in expected}
    assert found[family.pid].parent == os.getpid()


def test_below_a_process_that_is_gone_there_is_nothing(family: subprocess.Popen[bytes]) -> None:
    family.communicate()
    assert census.below(family.pid) == {}


def test_a_kernel_that_keeps_no_lists_is_looked_through(family: subprocess.Popen[bytes], monkeypatch) -> None:
    monkeypatch.setattr(census, "_tasks", lambda pid: ["no such task"])
    assert {family.pid, os.getpid(), 1} <= set(census.below(os.getpid()))
