"""X6: the guard by itself, spoken to as the lab does: one a folder, for its own user, bounded, and small."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from skerry.guard import place
from skerry.guard.client import GuardClient, GuardError

HOME = str(Path(place.__file__).parents[2])
PATH = {"PATH": os.environ["PATH"]}


def start_guard(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "skerry.guard", "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": HOME}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)


def order(folder: Path, name: str, *argv: str) -> dict[str, object]:
    return {"name": name, "argv": list(argv), "env": PATH, "cwd": str(folder), "log": str(folder / f"{name}.log")}


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[GuardClient]:
    assert start_guard(tmp_path).returncode == 0
    client = GuardClient(str(tmp_path))
    yield client
    client.close()
    with suppress(GuardError), GuardClient(str(tmp_path)) as last:
        last.ask("shutdown")


def gone(pid: int, within_s: float = 10) -> bool:
    """Whether a process that is not ours goes within the time."""
    until = time.monotonic() + within_s
    while True:
        try:
            if Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X"):
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.02)


def test_a_folder_has_one_guard(guard: GuardClient, tmp_path: Path) -> None:
    second = start_guard(tmp_path)
    assert second.returncode == place.BUSY_EXIT_CODE
    assert f"process {guard.ask('ping')['pid']}" in second.stderr


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    failed = start_guard(tmp_path / "file" / "node")
    assert failed.returncode == 1
    assert "no guard can work here: Not a directory" in failed.stderr


def test_its_socket_is_for_its_own_user(guard: GuardClient, tmp_path: Path) -> None:
    assert (tmp_path / place.SOCKET_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="to be another user takes root")
def test_another_user_is_hung_up_on(guard: GuardClient, tmp_path: Path) -> None:
    (tmp_path / place.SOCKET_NAME).chmod(0o666)
    tmp_path.chmod(0o755)
    asking = "import os, socket, sys; os.chdir(sys.argv[1]); os.setuid(65534); c = socket.socket(socket.AF_UNIX);"
    asking += "c.connect('guard.sock'); c.sendall(b'{}'); print(c.recv(99))"
    ran = subprocess.run(
        [sys.executable, "-c", asking, str(tmp_path)], capture_output=True, text=True, timeout=20, check=False
    )
    assert "b''" in ran.stdout or "reset" in ran.stderr.lower() or "pipe" in ran.stderr.lower(), ran


def test_it_lives_in_a_session_of_its_own_and_minds_term_alone(guard: GuardClient) -> None:
    pid = guard.ask("ping")["pid"]
    assert os.getsid(pid) == pid
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    assert guard.ask("ping")["pid"] == pid


@pytest.mark.parametrize("ignored", [False, True])
def test_term_stops_everything_and_then_itself(tmp_path: Path, ignored: bool) -> None:
    """Also when whoever started it had signals ignored."""
    before = {
        n: signal.signal(n, signal.SIG_IGN if ignored else signal.SIG_DFL) for n in (signal.SIGTERM, signal.SIGCHLD)
    }
    try:
        command = [sys.executable, "-m", "skerry.guard", "--folder", str(tmp_path)]
        os.waitpid(os.posix_spawn(sys.executable, command, {**os.environ, "PYTHONPATH": HOME}), 0)
    except ChildProcessError:  # ignored children are not waited for; its socket says when it is there
        assert ignored
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    with GuardClient(str(tmp_path)) as client:
        pid = client.ask("ping")["pid"]
        child = client.ask("start", **order(tmp_path, "a", "sleep", "60"))["pid"]
        os.kill(pid, signal.SIGTERM)
    assert gone(child)
    assert gone(pid)
    assert not (tmp_path / place.SOCKET_NAME).exists()


def test_what_a_dead_guard_left_is_ended_by_the_next(guard: GuardClient, tmp_path: Path) -> None:
    script = f"setsid sleep 300 & echo $! > {tmp_path}/pid; wait"
    child = guard.ask("start", **order(tmp_path, "a", "sh", "-c", script))["pid"]
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        time.sleep(0.02)
    away = int((tmp_path / "pid").read_text())
    os.kill(guard.ask("ping")["pid"], signal.SIGKILL)
    assert gone(child)
    while start_guard(tmp_path).returncode == place.BUSY_EXIT_CODE:
        time.sleep(0.02)
    assert gone(away)


def test_the_end_of_one_workload_leaves_alone_what_another_sent_away(guard: GuardClient, tmp_path: Path) -> None:
    """A process that lost its parent and left its session is still its workload's, and goes with that one."""
    away = {}
    for name in ("a", "b"):
        script = (
            f"(setsid sh -c 'echo $$ > {tmp_path}/{name}.new; mv {name}.new {name}.pid; exec sleep 300' &); sleep 300"
        )
        guard.ask("start", **order(tmp_path, name, "sh", "-c", script))
        until = time.monotonic() + 10
        while not (tmp_path / f"{name}.pid").exists() and time.monotonic() < until:
            time.sleep(0.02)
        away[name] = int((tmp_path / f"{name}.pid").read_text())
    guard.ask("stop", name="a", within_ms=500)
    assert gone(away["a"], within_s=0)
    assert not gone(away["b"], within_s=0.3)
    guard.ask("stop", name="b", within_ms=500)
    assert gone(away["b"], within_s=0)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"do": "dance"}, "do: 'dance' is unknown"),
        ({"do": "start", "name": "a", "color": 1}, "color: unknown field"),
        ({"do": "start", "name": ""}, "name: expected a text of 1 to 256"),
        ({"do": "start", "name": "a", "argv": "ls"}, "argv: expected a list of texts"),
        ({"do": "start", "name": "a", "argv": ["ls"], "env": {"A=": "1"}}, "env: expected names"),
        ({"do": "start", "name": "a", "argv": ["ls"], "cwd": "tmp"}, "cwd: expected an absolute path"),
        ({"do": "stop", "name": "a"}, "within_ms: expected a whole number"),
        ({"do": "stop", "name": "a", "within_ms": True}, "within_ms: expected a whole number"),
        ({"do": "extend", "name": "a", "kill_at_ms": 1}, "a: no such workload"),
        ({"do": "extend", "name": "a", "kill_at_ms": None}, "kill_at_ms: expected a whole number"),
        ({"do": "update_meta", "name": "a", "meta": "x" * 9_000}, "meta: expected at most 8192 bytes"),
    ],
)
def test_a_wrong_request_is_refused_with_what_was_expected(
    guard: GuardClient, request_: dict[str, Any], expected: str
) -> None:
    with pytest.raises(GuardError, match=expected):
        guard.ask(**request_)


@pytest.mark.parametrize("line", [b"\n", b"nonsense\n", b"[" * 100_000 + b"\n", b"[]\n", b"\xff\xfe\n"])
def test_what_is_no_request_is_answered_and_hurts_nobody(guard: GuardClient, tmp_path: Path, line: bytes) -> None:
    with place.connect(str(tmp_path)) as other:
        other.sendall(line)
        assert json.loads(other.recv(4096))["ok"] is False
    assert guard.ask("list")["workloads"] == []


def test_an_endless_line_ends_its_connection_only(guard: GuardClient, tmp_path: Path) -> None:
    with place.connect(str(tmp_path)) as other, suppress(BrokenPipeError, ConnectionResetError):
        while True:
            other.sendall(b"x" * 65_536)
    assert guard.ask("list")["workloads"] == []


def test_more_connections_than_allowed_are_hung_up_on(guard: GuardClient, tmp_path: Path) -> None:
    others = [place.connect(str(tmp_path)) for _ in range(place.CONNECTIONS_MAX)]
    try:
        assert others[-1].recv(1) == b""
        assert guard.ask("list")["workloads"] == []
    finally:
        for other in others:
            other.close()


def test_one_name_is_in_use_at_most_once(guard: GuardClient, tmp_path: Path) -> None:
    guard.ask("start", **order(tmp_path, "a", "sleep", "60"))
    with pytest.raises(GuardError, match="the name is in use"):
        guard.ask("start", **order(tmp_path, "a", "sleep", "60"))


def test_a_failed_exec_is_told_with_the_reason_and_leaves_nothing(guard: GuardClient, tmp_path: Path) -> None:
    for argv, expected in ((("nonesuch",), "No such file"), ((str(tmp_path),), "Permission denied")):
        with pytest.raises(GuardError, match=expected):
            guard.ask("start", **order(tmp_path, "a", *argv))
    with pytest.raises(GuardError, match="folder /nonesuch: No such file"):
        guard.ask("start", **{**order(tmp_path, "a", "ls"), "cwd": "/nonesuch"})
    assert guard.ask("list")["workloads"] == []


def test_a_deadline_kills_also_when_the_guard_had_stood_still(guard: GuardClient, tmp_path: Path) -> None:
    guard.ask("watch")
    pid = guard.ask("ping")["pid"]
    wanted = {**order(tmp_path, "a", "sleep", "60"), "kill_at_ms": place.boot_ms() + 300}
    child = guard.ask("start", **wanted)["pid"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.5)  # past the deadline
    os.kill(pid, signal.SIGCONT)
    assert guard.next()["reason"] == "deadline"
    assert gone(child)
    with pytest.raises(GuardError, match="its deadline has passed"):
        guard.ask("start", **wanted)


def test_an_agent_that_says_nothing_counts_as_gone_and_standing_still_is_no_absence(
    guard: GuardClient, tmp_path: Path
) -> None:
    guard.ask("watch")
    pid = guard.ask("ping")["pid"]
    alone = {**order(tmp_path, "a", "sleep", "60"), "without_agent_ms": 1_000}
    child = guard.ask("start", **alone)["pid"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(4)  # longer than an agent may be silent
    os.kill(pid, signal.SIGCONT)
    for _ in range(10):
        assert guard.ask("ping")["pid"] == pid
    assert not gone(child, within_s=0.3)
    silent_since = place.boot_ms()
    assert guard.next()["reason"] == "no agent"
    assert place.AGENT_SILENT_MS - 1_500 <= place.boot_ms() - silent_since < 2 * place.AGENT_SILENT_MS


def test_it_stays_small(guard: GuardClient, tmp_path: Path) -> None:
    for number in range(5):
        guard.ask("start", **order(tmp_path, f"w{number}", "sleep", "60"))
    rollup = Path(f"/proc/{guard.ask('ping')['pid']}/smaps_rollup").read_text()
    pss_kib = int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
    assert pss_kib < 12 * 1024


def test_a_socket_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / place.SOCKET_NAME))
    dead.close()
    assert start_guard(tmp_path).returncode == 0
    with GuardClient(str(tmp_path)) as client:
        client.ask("shutdown")
