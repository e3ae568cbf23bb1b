"""The README's first intent, typed as it stands in a folder where a lab of three nodes is up."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.examples import __file__ as examples
from tests.support.readme import blocks
from tests.wheel.conftest import User

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SATISFIED_WITHIN_S = 60.0


@pytest.fixture
def beside_a_lab(user: User) -> Iterator[User]:
    """A user in whose folder a lab is up."""
    user("lab", "up", "--nodes", "3")
    yield user
    user("lab", "down")


def test_the_first_intent_is_the_example_and_somebody_says_hello(beside_a_lab: User) -> None:
    shown, typed = blocks("A first intent")
    assert shown.text == Path(examples).with_name("hello").joinpath("intent.yaml").read_text()
    said = beside_a_lab.types(typed.text).splitlines()
    greeting = next(line for line in said if line.startswith("hello from "))
    assert re.fullmatch(r"hello from hq/hello/hello#1 on n[123]", greeting)
    # It answers before anybody has measured that it does so well enough.
    until_s = time.monotonic() + SATISFIED_WITHIN_S
    while "hq/hello: satisfied, connected" not in (status := beside_a_lab("status")):
        assert time.monotonic() < until_s, status
