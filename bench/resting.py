"""A lab of five nodes at the shipped timers, for the subjects that look at a site at rest."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skerry.lab import asking, building
from skerry.lab.building import CATALOGUE, Plan
from skerry.lab.interrupting import interruptible
from skerry.lab.site import Lab
from skerry.shell.clock import boot_ms

NODES = 5
SATISFIED_WITHIN_S = 240.0
LOOK_AGAIN_S = 1.0
SITE = """apiVersion: skerry/v1
kind: Site
metadata: {{name: shop, labels: {{type: shop}}}}
spec:
  uplink: {{lostAfter: {grace}, backAfter: 30s}}
  tieBreaker: n1
  governance: small-site
"""


@contextmanager
def lab() -> Iterator[Lab]:
    """One that is up, and gone afterwards, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="skerry-bench-"))
    site = folder / "site.yaml"
    site.write_text(SITE.format(grace="10s"))
    made = Lab(folder / "lab")
    try:
        with interruptible():
            made.up(Plan(nodes=NODES, site_file=site))
            try:
                yield made
            finally:
                made.down()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def set_grace(made: Lab, grace: str) -> None:
    """Another uplink grace, by the site's own document."""
    file = made.folder.parent / "site.yaml"
    file.write_text(SITE.format(grace=grace))
    building.apply(made.folder, made.state, file)


def apply_example(made: Lab) -> None:
    """Ask for tiered storage, and wait until it is satisfied. Raises `TimeoutError`."""
    building.apply(made.folder, made.state, CATALOGUE.with_name("intent.yaml"))
    until_ms = boot_ms() + SATISFIED_WITHIN_S * 1_000
    state: list[Any] = []
    while boot_ms() < until_ms:
        try:
            state = [found["state"] for found in leader(made)["functionalities"]]
        except asking.Unanswered:
            state = []
        if state == ["satisfied"]:
            return
        time.sleep(LOOK_AGAIN_S)
    raise TimeoutError(f"the example is {state} after {SATISFIED_WITHIN_S:.0f} s")


def leader(made: Lab) -> dict[str, Any]:
    """The leader's status. Raises `Unanswered`."""
    first: dict[str, Any] = made.api(next(iter(made.state.nodes))).get("/v1/status")
    found: dict[str, Any] = made.api(first["leader"]).get("/v1/status")
    return found
