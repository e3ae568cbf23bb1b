"""The wheel alone, in an empty environment and an empty folder: examples and workload programs are inside it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.support.installed import installed
from tests.wheel.conftest import User

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DEMO_WITHIN_S = 400.0


def test_it_says_which_version_it_is_and_what_it_can_do(user: User, tmp_path_factory: pytest.TempPathFactory) -> None:
    version = user("--version").strip()
    assert installed(tmp_path_factory).wheel.name == f"skerry-{version}-py3-none-any.whl"
    told = user("--help")
    assert all(verb in told for verb in ("manager", "agent", "lab", "demo", "example"))


def test_it_holds_nothing_but_the_package_and_all_that_the_checkout_has_of_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with zipfile.ZipFile(installed(tmp_path_factory).wheel) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"skerry"}
    source = Path(__file__).parents[2] / "src"
    wanted = {
        str(path.relative_to(source))
        for kind in ("*.py", "*.yaml")
        for path in (source / "skerry").rglob(kind)
        if "__pycache__" not in path.parts
    }
    assert wanted - names == set()


def test_every_example_in_it_can_be_written_out(user: User) -> None:
    names = [line.partition(":")[0] for line in user("example").splitlines()]
    assert {"hello", "tiered-storage"} <= set(names)
    for name in names:
        written = [user.folder / line for line in user("example", name).splitlines()]
        assert written and all(path.read_text().strip() for path in written)


def test_a_lab_of_three_goes_up_and_down_with_it(user: User) -> None:
    user("lab", "up", "--nodes", "3")
    try:
        found = json.loads(user("lab", "status", "-o", "json"))
        assert [node["state"] for node in found["nodes"].values()] == ["runs"] * 3
    finally:
        user("lab", "down")
    assert list(user.folder.iterdir()) == []


@pytest.mark.campaign
def test_it_plays_the_demo_to_its_end(user: User) -> None:
    *_, last = user("demo", "--json", within_s=DEMO_WITHIN_S).splitlines()
    assert json.loads(last)["ok"] is True
    assert list(user.folder.iterdir()) == []
