"""Makes mutants with mutmut, and tries each on the tests that come by there.

    cd build/mutated && ../mutants/bin/python tests/mutation/trying.py --minutes 10 [--only voting,granting]

mutmut's own runner has pytest collect the tests again for each mutant, which takes a hundred times as long as the test
that notices it. Here they are collected once and run once unchanged, to see that all of them pass and which function
each comes by. Then every mutant has a child of its own, forked from there, in which those tests run until one fails:
first those of the folder that bears the mutant's name, then others, the quickest first, as far as they are quick. That
choice is narrow on the safe side: what it does not notice a longer test might, and asks for one near by. Only processor
time counts against a test that does not end, so that a busy machine notices nothing by mistake.

What was tried is kept in mutmut's own files. What nobody noticed is tried again each time: a new test may.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout
from functools import partial
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

mutmut: Any = import_module("mutmut.__main__")  # it stands in an environment of its own, out of mypy's sight

TESTS = ("tests/core", "--deselect", "tests/core/group/succession/test_search.py")
"""But for the exhaustive search, which takes as long as all the others together."""
OTHERS_MOST_S = 2.0
"""What tests of other folders may take together."""
KILLED, SURVIVED, BROKEN = 1, 0, 3
"""Exit codes as mutmut notes them; besides, that of whoever is out of its time."""
OPEN = (None, SURVIVED, BROKEN)
CPU_MIN_S = 5
CPU_FACTOR = 10
"""A child may take as many times what its tests took unchanged."""
MEMORY_MORE_BYTES = 2 << 30
"""More than the parent: a mutant may collect without end."""
LEARNED, SURVIVORS = Path("learned.json"), Path("survivors.json")
INSIDE, OUTSIDE = "mutants", ".."
"""The tests' folder; mutmut's files are named from the one above."""


class Trial:
    """One collection of the tests, by which the mutants are tried."""

    def __init__(self, only: list[str], until_s: float) -> None:
        self._only = only
        self._until_s = until_s
        self._cost_s: dict[str, float] = {}
        self._by_function: dict[str, list[pytest.Item]] = defaultdict(list)
        self._data: dict[str, Any] = {}
        """To each mutant the file of mutmut's that notes it."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests unchanged, then once for each mutant that is not killed yet; all of it in children, so that
        each finds the tests as they were collected."""
        learning = _forked(lambda: self._learn(session))
        if os.waitpid(learning, 0)[1] != 0:
            raise session.Failed("a test fails without any change")
        items = {item.nodeid: item for item in session.items}
        for test, (cost_s, functions) in json.loads(LEARNED.read_text()).items():
            if test not in items:
                continue
            self._cost_s[test] = cost_s
            for function in functions:
                self._by_function[function].append(items[test])
        gc.freeze()  # what is collected in a child is a copy of the parent's
        running: dict[int, str] = {}
        for name in self._open():
            if time.monotonic() > self._until_s:
                break
            running[_forked(partial(self._try, session, name))] = name
            if len(running) >= (os.cpu_count() or 1):
                self._wait(running)
        while running:
            self._wait(running)
        return True

    def _learn(self, session: pytest.Session) -> int:
        """Run all tests, and write down what each costs and which functions it comes by."""
        mutmut.set_mutant_under_test("stats")
        learned = _known()
        for item, following in _with_following([item for item in session.items if item.nodeid not in learned]):
            mutmut.state()._stats.clear()
            began_s = time.process_time()
            if _fails(session, item, following):
                return KILLED
            learned[item.nodeid] = (time.process_time() - began_s, sorted(mutmut.state()._stats))
        LEARNED.write_text(json.dumps(learned))
        return SURVIVED

    def _open(self) -> Iterator[str]:
        """Those that were never tried come last: most runs are to see a new test notice something."""
        for path in mutmut.walk_mutatable_files():
            data = mutmut.SourceFileMutationData(path=path)
            with chdir(OUTSIDE):
                data.load()
            self._data |= dict.fromkeys(data.exit_code_by_key, data)
        codes = {name: data.exit_code_by_key[name] for name, data in self._data.items() if chosen(name, self._only)}
        yield from sorted((name for name, code in codes.items() if code in OPEN), key=lambda n: (codes[n] is None, n))

    def _choice(self, name: str) -> list[pytest.Item]:
        folder = "/".join(name.split(".")[1:4])
        items = self._by_function[mutmut.mangled_name_from_mutant_name(name)]
        items = sorted(items, key=lambda item: self._cost_s[item.nodeid])
        near = [item for item in items if folder in item.nodeid]
        far = [item for item in items if folder not in item.nodeid]
        until_s = accumulate(self._cost_s[item.nodeid] for item in far)
        return near + [item for item, s in zip(far, until_s, strict=True) if s <= OTHERS_MOST_S]

    def _try(self, session: pytest.Session, name: str) -> int:
        items = self._choice(name)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        cpu_s = int(CPU_MIN_S + CPU_FACTOR * sum(self._cost_s[item.nodeid] for item in items))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        held_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held_bytes + MEMORY_MORE_BYTES,) * 2)
        mutmut.set_mutant_under_test(name)
        if any(_fails(session, item, following) for item, following in _with_following(items)):
            return KILLED
        return SURVIVED

    def _wait(self, running: dict[int, str]) -> None:
        child, status = os.wait()
        name, code = running.pop(child), os.waitstatus_to_exitcode(status)
        self._data[name].exit_code_by_key[name] = code
        with chdir(OUTSIDE):
            self._data[name].save()


def chosen(name: str, only: list[str]) -> bool:
    """Whether a mutant is one of those that are asked for."""
    return not only or any(text in name for text in only)


def _known() -> dict[str, Any]:
    """What was learned of tests whose files are as they were, unless anything else is not."""
    if not LEARNED.exists():
        return {}
    at_s = LEARNED.stat().st_mtime
    files = [path for folder in ("src", "tests/core", "tests/support") for path in Path(OUTSIDE, folder).rglob("*.py")]
    newer = {path for path in files if path.stat().st_mtime > at_s}
    if any(not path.name.startswith("test_") for path in newer):
        return {}
    learned = json.loads(LEARNED.read_text())
    return {test: what for test, what in learned.items() if Path(OUTSIDE, test.partition("::")[0]) not in newer}


def _forked(does: Callable[[], int]) -> int:
    child = os.fork()
    if child == 0:
        code = BROKEN
        try:
            code = does()
        finally:
            os._exit(code)
    return child


def _with_following(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item]]:
    """Each with the one for which it leaves standing what modules share; the child ends after the last."""
    return zip(items, [*items[1:], *items[-1:]], strict=True)


def _fails(session: pytest.Session, item: pytest.Item, following: pytest.Item) -> bool:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    return session.testsfailed > 0


def main() -> int:
    """Make what is not made yet, try it for so long, and write down what nobody noticed."""
    options = _options()
    until_s = time.monotonic() + options.minutes * 60
    with redirect_stdout(sys.stderr):
        Path(INSIDE).mkdir(exist_ok=True)
        mutmut.copy_src_dir()
        mutmut.copy_also_copy_files()
        mutmut.setup_source_paths()
        mutmut.create_mutants(os.cpu_count())
    quiet = ("-q", "-s", "--tb=native", "-p", "no:cacheprovider", "-o", "timeout=0")
    with chdir(INSIDE):
        code = pytest.main([*quiet, *TESTS], [Trial(options.only, until_s)])
    SURVIVORS.write_text(json.dumps({name: mutmut.get_diff_for_mutant(name) for name in _survivors(options.only)}))
    return int(code)


def _survivors(only: list[str]) -> Iterator[str]:
    for path in mutmut.walk_mutatable_files():
        data = mutmut.SourceFileMutationData(path=path)
        data.load()
        yield from (name for name, code in data.exit_code_by_key.items() if code == SURVIVED and chosen(name, only))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="try mutants on the tests that come by there")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
