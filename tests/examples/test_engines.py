"""The engines in trouble: a disk that takes no more, many writers at once."""

from __future__ import annotations

import resource
import subprocess
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from skerry.examples.programs.engine import Engine, sha256
from skerry.examples.programs.engine_files import FilesEngine
from skerry.examples.programs.engine_log import LogEngine
from skerry.examples.programs.messages import Refused

ENGINES = pytest.mark.parametrize("opened", [LogEngine, FilesEngine])


@contextmanager
def no_file_larger_than(size: int):
    """The system refuses a write beyond this, in the middle of it, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def put(engine: Engine, name: str, number: int, data: bytes) -> bool:
    return engine.put(name, (1, number), sha256(data), data)


@ENGINES
def test_a_full_disk_refuses_and_leaves_nothing_half_stored(opened: Callable[[Path], Engine], tmp_path: Path) -> None:
    engine = opened(tmp_path)
    assert put(engine, "a", 1, b"a" * 1000)
    with no_file_larger_than(3000), pytest.raises(Refused, match="the disk does not take it") as refused:
        put(engine, "b", 2, b"b" * 4000)
    assert refused.value.status == 507
    assert put(engine, "c", 3, b"c" * 1000)
    engine.close()
    again = opened(tmp_path)
    assert (sorted(again.index), again.damaged) == (["a", "c"], 0)
    assert again.read("c", again.index["c"]) == b"c" * 1000
    again.close()


@ENGINES
def test_of_many_writers_the_newest_version_stays(opened: Callable[[Path], Engine], tmp_path: Path) -> None:
    engine = opened(tmp_path)

    def write(number: int) -> None:
        with suppress(Refused):
            put(engine, "one", number, b"%d" % number)
        put(engine, f"own-{number}", number, b"%d" % number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.close()
    again = opened(tmp_path)
    assert again.index["one"].version == (1, 23)
    assert again.read("one", again.index["one"]) == b"23"
    assert len(again.index) == 25
    again.close()


def test_the_files_are_the_objects_and_any_tool_can_check_them(tmp_path: Path) -> None:
    engine = FilesEngine(tmp_path)
    put(engine, "photo.jpg", 1, b"old")
    put(engine, "photo.jpg", 2, b"new")
    put(engine, "letter", 3, b"dear")
    engine.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "letter@1.3", "letter@1.3.sha256", "photo.jpg@1.2", "photo.jpg@1.2.sha256",
    ]  # fmt: skip
    assert (tmp_path / "photo.jpg@1.2").read_bytes() == b"new"
    notes = [path.name for path in tmp_path.glob("*.sha256")]
    checked = subprocess.run(["sha256sum", "--check", "--quiet", *notes], cwd=tmp_path, check=False)
    assert checked.returncode == 0


@pytest.mark.parametrize("lost", ["a@1.1", "a@1.1.sha256"])
def test_an_object_without_its_note_is_left_out_and_counted(lost: str, tmp_path: Path) -> None:
    engine = FilesEngine(tmp_path)
    put(engine, "a", 1, b"one")
    put(engine, "b", 2, b"two")
    engine.close()
    (tmp_path / lost).unlink()
    again = FilesEngine(tmp_path)
    assert (sorted(again.index), again.damaged) == (["b"], 1)
    again.close()


def test_of_two_versions_that_a_crash_left_the_newer_stays(tmp_path: Path) -> None:
    engine = FilesEngine(tmp_path)
    put(engine, "a", 9, b"older")
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    put(engine, "a", 10, b"newer")
    engine.close()
    for name, data in kept.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / ".7").write_bytes(b"a draft")
    again = FilesEngine(tmp_path)
    assert again.read("a", again.index["a"]) == b"newer"
    assert (again.damaged, again.bytes_used(), len(list(tmp_path.iterdir()))) == (0, 5, 2)
    again.close()
