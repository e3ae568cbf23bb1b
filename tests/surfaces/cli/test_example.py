"""`skerry example`: what comes with Skerry can be read, changed and applied; nothing of the user's is overwritten."""

from __future__ import annotations

from pathlib import Path

from skerry.adapters.manifests import load_file
from tests.support.command import skerry


def test_each_example_that_is_named_is_written_as_files_that_load() -> None:
    named = [line.partition(":")[0] for line in skerry("example").out.splitlines()]
    assert {"hello", "tiered-storage"} <= set(named)
    for name in named:
        written = skerry("example", name)
        assert written.code == 0
        for line in written.out.splitlines():
            assert Path(line).parent == Path(name)
            assert load_file(Path(line))


def test_a_file_that_is_there_is_left_as_it_is() -> None:
    own = Path("mine/intent.yaml")
    own.parent.mkdir()
    own.write_text("mine")
    ran = skerry("example", "hello", "--to", "mine")
    assert ran.code == 1
    assert "mine/intent.yaml: is there already" in ran.err and "--to" in ran.err
    assert own.read_text() == "mine"
    assert sorted(Path("mine").iterdir()) == [own]


def test_an_unknown_example_is_wrong_use_and_the_known_ones_are_named() -> None:
    ran = skerry("example", "helo")
    assert ran.code == 2
    assert "hello, tiered-storage" in ran.err
    assert not Path("helo").exists()


def test_a_folder_that_cannot_be_made_is_said() -> None:
    Path("file").write_text("")
    ran = skerry("example", "hello", "--to", "file/below")
    assert ran.code == 1
    assert "file/below: cannot be written" in ran.err
