"""Sites in network namespaces, made by hand and never in contact with a manager."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.netns.lan import DEVICE, MANAGER_ADDRESS, Lan
from tests.netns.machines import Machines
from tests.support.site_by_hand import Place, make_site

MANIFESTS = Path(__file__).with_name("shop.yaml")
UPLINK = f"tls/{MANAGER_ADDRESS}:7499"

MakeSite = Callable[..., Machines]
Record = Callable[[str, object], None]
"""Pytest's `record_property`: figures are shown at the end of the run."""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeSite]:
    """Makes a site of so many nodes; n1 has the surest power, so that it leads and holds what there is one of."""
    with ExitStack() as stack:

        def make_machines(count: int, *, tie_breaker: str = "n1", scouting: bool = False) -> Machines:
            names = [f"n{number}" for number in range(1, count + 1)]
            lan = stack.enter_context(Lan(names))
            places = {
                name: Place(
                    address=address,
                    uplink=UPLINK,
                    peers=() if scouting else tuple(a for a in lan.addresses.values() if a != address),
                    multicast=DEVICE if scouting else None,
                    capabilities=("power.ups",) if name == "n1" else (),
                )
                for name, address in lan.addresses.items()
            }
            manifests = tmp_path / "shop.yaml"
            manifests.write_text(MANIFESTS.read_text().replace("tieBreaker: n1", f"tieBreaker: {tie_breaker}"))
            machines = Machines(lan, make_site(tmp_path, manifests, places))
            stack.callback(machines.close)
            return machines

        yield make_machines
    # Sites are larger than what one keeps of passed tests; a failed one has told how it stood.
    shutil.rmtree(tmp_path, ignore_errors=True)
