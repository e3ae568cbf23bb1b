"""The README's install section, typed as it stands: four machines, from nothing to a file put and got.

Each machine is a network namespace with the hosts file that the section prints, a host name and a home folder of its
own. Nothing is changed in what is typed; tokens are pasted where the section says so, and a line that it says is
printed is waited for.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.netns.lan import Lan
from tests.netns.machines import Machines
from tests.support.installed import INSTALLING, environment, installed
from tests.support.readme import Block, blocks
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(600)]

MACHINES = ("office", "till", "rack", "oven")
HOSTS = Path("/etc/netns")
"""`ip netns exec` shows the files of /etc/netns/NAME as those of /etc."""
TYPED_WITHIN_S = 120.0
PASTE = "read -rs SKERRY_TOKEN"
NOTE, COPY = "note.txt", "copy.txt"


class Shop:
    """The four machines, and whoever types."""

    def __init__(self, lan: Lan, terminals: dict[str, Terminal], homes: dict[str, Path]) -> None:
        self.lan = lan
        self.homes = homes
        self._terminals = terminals
        self._tokens: dict[str, str] = {}
        self._latest: tuple[str, ...] = ()

    def follow(self, block: Block) -> None:
        """Do what a block of the section asks for."""
        if block.language == "hosts":
            return  # the machines were made with it
        if block.language == "text":
            self._expect(block.text)
        elif PASTE in block.text:
            for name in block.machines:
                self._terminals[name].begin(f"{block.text}{self._tokens[name]}")
            self._latest = block.machines
        else:
            self.type(block)

    def type(self, block: Block) -> dict[str, str]:
        """Type a block wherever it says; returns what each machine printed."""
        assert block.language == "sh" and block.machines, f"it does not say where: {block.text}"
        self._latest = block.machines
        printed = {name: self._terminals[name].run(block.text, TYPED_WITHIN_S) for name in block.machines}
        for line in printed.get("office", "").splitlines():
            name, _, token = line.partition(" ")
            if name in self.homes and "manager token" in block.text:
                self._tokens[name] = token
        return printed

    def _expect(self, text: str) -> None:
        """The machine that printed it is the first of those which were typed on; the others print their own."""
        first, *others = self._latest
        for name in (first, *others):
            own = text.replace(self.lan.addresses[first], self.lan.addresses[name])
            self._terminals[name].until(own.replace(first, name).strip(), TYPED_WITHIN_S)


@pytest.fixture
def shop(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Four machines on which Skerry is installed and nothing runs."""
    skerry = installed(tmp_path_factory)
    (hosts,) = (block.text for block in blocks("Install on real machines") if block.language == "hosts")
    with ExitStack() as stack:
        lan = stack.enter_context(Lan(MACHINES))
        told = {name: address for address, name in map(str.split, hosts.splitlines())}
        assert told == lan.addresses, "README.md has other addresses than the namespaces"
        stack.callback(Machines(lan, {}).power_off, *MACHINES)
        stack.callback(_remove_if_empty, HOSTS)
        HOSTS.mkdir(exist_ok=True)
        terminals, homes = {}, {}
        for name in MACHINES:
            files = HOSTS / lan.space(name)
            stack.callback(shutil.rmtree, files)
            files.mkdir()
            (files / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}")
            homes[name] = tmp_path / name
            homes[name].mkdir()
            (homes[name] / "skerry").symlink_to(skerry.home / "skerry")
            terminals[name] = _terminal(lan, name, homes[name], tmp_path / f"{name}.log")
            stack.callback(terminals[name].close)
        yield Shop(lan, terminals, homes)


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _terminal(lan: Lan, name: str, home: Path, log: Path) -> Terminal:
    """A user's shell on a machine."""
    named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec bash', name]
    return Terminal(name, ["ip", "netns", "exec", lan.space(name), *named], home, log, environment(home))


def test_the_install_section_leads_to_a_file_put_and_got(shop: Shop) -> None:
    section = [block for block in blocks("Install on real machines") if INSTALLING not in block.text]
    *before, leaving, stopping = section
    for block in before:
        shop.follow(block)
    getting = next(block for block in before if COPY in block.text)
    (reader,) = getting.machines
    note, copy = shop.homes["till"] / NOTE, shop.homes[reader] / COPY
    assert copy.read_bytes() == note.read_bytes() != b""

    # What the section promises: neither head office nor any one of the others is needed.
    for name in ("office", "rack"):
        shop.lan.unplug(name)
        copy.unlink()
        shop.follow(getting)
        assert copy.read_bytes() == note.read_bytes()
    shop.lan.plug("office", "rack")

    assert "agent leave" in leaving.text
    left = shop.type(leaving)
    assert all("has left shop" in said for said in left.values())
    shop.follow(stopping)
    quiet = Machines(shop.lan, {})
    quiet.until("only the shells are left", lambda: _only_shells(quiet, shop), TYPED_WITHIN_S)


def _only_shells(machines: Machines, shop: Shop) -> bool:
    return all(len(machines.processes(name)) == 1 for name in shop.homes)
