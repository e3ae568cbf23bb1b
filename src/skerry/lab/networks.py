"""What a lab of network namespaces needs beside its wires: addresses, a disk for each node, a wall clock for each.

A node's disk is a small memory disk, mounted in the lab's folder, so that it can be filled without harm to anybody;
what joining left is moved onto it. A wall clock is stepped by libfaketime in the agent's process alone: what runs by
boot-time and by the monotonic clock is left as it is. But each look at any clock takes that library's one lock, and an
agent's threads look at clocks all the time: it is there only where clocks are to be stepped (`--clocks`).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from skerry.lab import interrupting, profiles, state, wires
from skerry.lab.state import LabError, LabState, NodePlace
from skerry.shell.settings import INPUTS_FOLDER

FABRIC_PORT, API_PORT, MANAGER_API_PORT, MANAGER_UPLINK_PORT = 7447, 7448, 8443, 7449
DISKS = "disks"
DISK_BYTES = 256 * 1024 * 1024
FILLED = "filled"
"""What takes up all that is left of a disk."""
CHUNK_BYTES = 64 * 1024
FAKETIME = "faketime/libfaketimeMT.so.1"
LIBRARIES = Path("/usr/lib")


def prepare(folder: Path, site: str, names: list[str], *, clocks: bool = False) -> LabState:
    """Write down a lab whose nodes are namespaces; wires and disks are made by `make`. Raises `LabError`."""
    reason = wires.why_not()
    if reason is not None:
        raise LabError(f"--netns: {reason}")
    if clocks and library() is None:
        raise LabError("--clocks: libfaketime was not found (Debian: apt install faketime)")
    lab_id = secrets.token_hex(8)
    network = wires.Wires(f"skerry-{lab_id[:8]}", names)
    lab = LabState(
        id=lab_id,
        site=site,
        relay_uplink_port=0,
        relay_api_port=0,
        manager_uplink_port=MANAGER_UPLINK_PORT,
        manager_api_port=MANAGER_API_PORT,
        nodes={name: _place(name, number, network) for number, name in enumerate(names)},
        network=network.name,
        clocks=clocks,
    )
    state.save(folder, lab)
    return lab


def _place(name: str, number: int, network: wires.Wires) -> NodePlace:
    profile = profiles.profile(number)
    return NodePlace(
        name=name,
        fabric_port=FABRIC_PORT,
        api_port=API_PORT,
        data_root=None,
        memory=profile.memory,
        cpu=profile.cpu,
        capabilities=profile.capabilities,
        programs=profile.programs,
        nice=profile.nice,
        cores=profiles.cores(number, profile.one_core),
        address=network.addresses[name],
        space=network.space(name),
    )


def make(folder: Path, lab: LabState) -> None:
    """Make wires and disks. Raises `LabError`; `remove` takes away what is there."""
    try:
        lab.wires.make()
        for name in lab.nodes:
            disk = folder / DISKS / name
            disk.mkdir(mode=0o700, parents=True)
            kind = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", f"skerry-{lab.id}", str(disk)]
            with interrupting.at_once():
                subprocess.run(kind, check=True, capture_output=True, text=True, timeout=10)
            _clock(folder, name).write_text("+0\n")
    except wires.WiresError as error:
        raise LabError(str(error)) from error
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        raise LabError(f"{folder}: a node's disk cannot be made: {said}") from error


def keep_records(folder: Path, names: Iterable[str]) -> None:
    """Copy from each node's disk what its agent wrote down of itself, before the disk goes: for `skerry replay` and
    `skerry explain --log`. Raises `LabError`."""
    for name in names:
        inputs = folder / DISKS / name / "agent" / INPUTS_FOLDER
        try:
            if inputs.is_dir():
                shutil.copytree(inputs, folder / f"{name}.inputs", dirs_exist_ok=True)
        except OSError as error:
            raise LabError(f"{inputs} cannot be kept: {error}") from error


def remove(folder: Path, lab: LabState) -> None:
    """Take wires and disks away, whatever is there of them. Raises `LabError`."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in mounted:
        if Path(point).is_relative_to(folder / DISKS):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True, timeout=10)
    try:
        lab.wires.remove()
    except wires.WiresError as error:
        raise LabError(str(error)) from error


def onto_disk(folder: Path, name: str) -> None:
    """Move what joining left onto the node's own disk; it is found where it was. Raises `OSError`."""
    home, moved = folder / name, folder / DISKS / name / "agent"
    shutil.move(home, moved)
    home.symlink_to(moved)


def fill(folder: Path, name: str) -> int:
    """Fill a node's disk to the last byte; returns how many that took. Raises `OSError`."""
    taken = 0
    with open(folder / DISKS / name / FILLED, "ab", buffering=0) as file:
        for piece in (b"\0" * CHUNK_BYTES, b"\0"):
            with contextlib.suppress(OSError):  # it is full, as is wanted
                while wrote := file.write(piece):
                    taken += wrote
    return taken


def empty(folder: Path, name: str) -> None:
    """Give the room back. Raises `OSError`."""
    (folder / DISKS / name / FILLED).unlink(missing_ok=True)


def library() -> Path | None:
    """Where libfaketime is on this machine; None if it is not."""
    return next(iter(sorted(LIBRARIES.glob(f"*/{FAKETIME}"))), None)


def clock_variables(folder: Path, name: str) -> dict[str, str]:
    """What an agent is started with so that its wall clock can be stepped."""
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(_clock(folder, name)),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def step_clock(folder: Path, name: str, offset_s: int) -> None:
    """The node's wall clock is off by so much, within a second."""
    fresh = _clock(folder, name).with_suffix(".new")
    fresh.write_text(f"{offset_s:+d}\n")
    os.replace(fresh, _clock(folder, name))


def _clock(folder: Path, name: str) -> Path:
    return folder / f"{name}.clock"
