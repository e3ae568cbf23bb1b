"""The relay swallows without a goodbye while it is cut, and loses nothing that the kernels kept."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from skerry.lab import asking, relay, state
from skerry.lab.state import LabError

WITHIN_S = 5.0
SILENT_S = 0.3


class Line:
    """A relay as its own process, and a server behind it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(WITHIN_S)
        self.port = state.free_ports(1, None, 4_321)[0]
        route = f"127.0.0.1:{self.port}=127.0.0.1:{self.server.getsockname()[1]}"
        self.process = subprocess.Popen(
            [sys.executable, relay.__file__, "--control", state.RELAY_SOCKET, "--route", route], cwd=folder
        )
        until = time.monotonic() + WITHIN_S
        while True:
            try:
                self.tell("stats")
                return
            except LabError:
                assert time.monotonic() < until, "the relay does not answer"
                time.sleep(0.02)

    def tell(self, do: str) -> dict[str, Any]:
        return asking.relay(self.folder, do)

    def connected(self) -> tuple[socket.socket, socket.socket]:
        near = socket.create_connection(("127.0.0.1", self.port), timeout=WITHIN_S)
        far = self.server.accept()[0]
        far.settimeout(WITHIN_S)
        return near, far


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.process.terminate()
    made.process.wait(WITHIN_S)
    made.server.close()


def test_forwards_in_both_directions_and_passes_a_goodbye_on(line: Line) -> None:
    near, far = line.connected()
    with closing(near), closing(far):
        near.sendall(b"question")
        assert far.recv(100) == b"question"
        far.sendall(b"answer")
        assert near.recv(100) == b"answer"
        near.shutdown(socket.SHUT_WR)
        assert far.recv(100) == b""
        far.sendall(b"still heard")
        assert near.recv(100) == b"still heard"


def test_a_cut_link_says_nothing_and_says_no_goodbye(line: Line) -> None:
    near, far = line.connected()
    with closing(near), closing(far):
        assert line.tell("cut")["cut"] is True
        near.sendall(b"into the void")
        near.close()
        far.settimeout(SILENT_S)
        with pytest.raises(TimeoutError):
            far.recv(100)
        late = socket.create_connection(("127.0.0.1", line.port), timeout=WITHIN_S)
        line.server.settimeout(SILENT_S)
        with closing(late), pytest.raises(TimeoutError):
            line.server.accept()
        assert line.tell("stats")["bytes_while_cut"] == 0


def test_healing_goes_on_with_what_the_kernels_kept(line: Line) -> None:
    near, far = line.connected()
    with closing(far):
        line.tell("cut")
        near.sendall(b"kept ")
        near.sendall(b"by the kernel")
        near.close()
        assert line.tell("heal")["cut"] is False
        heard = b""
        while chunk := far.recv(100):
            heard += chunk
        assert heard == b"kept by the kernel"


def test_much_more_than_a_buffer_passes_whole(line: Line) -> None:
    near, far = line.connected()
    much = bytes(range(256)) * 20_000
    with closing(near), closing(far):
        near.setblocking(False)
        sent, heard = 0, bytearray()
        while len(heard) < len(much):
            with suppress(BlockingIOError):  # the relay waits for the far end, as it should
                sent += near.send(much[sent : sent + 300_000])
            heard += far.recv(100_000)
        assert bytes(heard) == much


def test_a_connection_that_nobody_takes_is_closed(line: Line) -> None:
    line.server.close()
    with closing(socket.create_connection(("127.0.0.1", line.port), timeout=WITHIN_S)) as near:
        assert near.recv(100) == b""
    assert line.tell("stats")["refused"] == 1


def test_nonsense_on_the_control_socket_is_answered_and_changes_nothing(line: Line) -> None:
    answer = line.tell("explode")
    assert answer["ok"] is False
    assert "expected cut, heal or stats" in answer["error"]
    assert line.tell("stats")["cut"] is False


def test_a_taken_port_is_named(line: Line, tmp_path: Path) -> None:
    again = subprocess.run(
        [sys.executable, relay.__file__, "--control", "other.sock", "--route", f"127.0.0.1:{line.port}=127.0.0.1:1"],
        cwd=tmp_path, capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert again.returncode == 1
    assert f"127.0.0.1:{line.port}: Address already in use" in again.stderr
