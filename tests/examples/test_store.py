"""The store, as a process: durable, versioned, fenced, and whole again after a crash."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from skerry.examples.programs.caller import split_endpoint
from skerry.examples.programs.engine import sha256
from skerry.examples.programs.engine_log import LogEngine
from skerry.examples.programs.messages import BODY_BYTES_MAX
from tests.examples.harness import Program, Shop, environment, eventually, module, run
from tests.support.ports import free_port


def raw_answer(program: Program, text: str) -> bytes:
    with socket.create_connection(split_endpoint(program.endpoint), timeout=5) as sock:
        sock.sendall(text.encode())
        return sock.recv(4096)


@pytest.mark.parametrize("engine", ["log", "files"])
def test_what_was_put_is_there_after_a_kill(shop: Shop, engine: str) -> None:
    store = shop.store("n1", engine)
    assert store.put("a.txt", b"first").status == 201
    assert store.put("empty", b"", version="1.2").status == 201
    shop.again(store)
    reply = store.call("GET", "/o/a.txt")
    assert (reply.status, reply.body, reply.headers["skerry-version"]) == (200, b"first", "1.1")
    assert store.call("HEAD", "/o/a.txt").headers["content-length"] == "5"
    assert store.call("GET", "/o/empty").body == b""
    assert store.call("GET", "/o/nothing").status == 404
    listed = store.call("GET", "/list").json()
    assert [item[:2] + item[3:] for item in listed["objects"]] == [["a.txt", 5, "1.1"], ["empty", 0, "1.2"]]


@pytest.mark.parametrize("engine", ["log", "files"])
def test_an_older_version_replaces_nothing(shop: Shop, engine: str) -> None:
    store = shop.store("n1", engine)
    assert store.put("a", b"old", version="1.1").status == 201
    assert store.put("a", b"newer", version="2.1", fence=2).status == 201
    assert store.put("a", b"old", version="1.1", fence=2).status == 409
    assert store.put("a", b"other", version="2.1", fence=2).status == 409
    assert store.put("a", b"newer", version="2.1", fence=2).status == 200
    shop.again(store)
    assert store.call("GET", "/o/a").body == b"newer"


def test_a_lower_fence_is_refused_counted_and_remembered(shop: Shop) -> None:
    store = shop.store("n1")
    assert store.put("a", b"x", fence=7).status == 201
    refused = store.put("b", b"y", fence=6)
    assert (refused.status, refused.headers["skerry-fence"]) == (412, "7")
    assert store.call("GET", "/list", Skerry_Fence="6").status == 412
    assert store.stats()["refused_fence"] == 2
    shop.again(store)
    assert store.put("b", b"y", fence=6).status == 412
    assert store.call("PUT", "/o/b", b"y").status == 428
    assert store.call("GET", "/o/b").status == 404


def test_a_torn_end_of_the_log_is_cut_off_and_a_damaged_middle_left_out(shop: Shop) -> None:
    store = shop.store("n1")
    for number in range(4):
        assert store.put(f"o{number}", bytes([number]) * 1000, version=f"1.{number}").status == 201
    store.kill()
    log = shop.folder / "n1" / "objects" / "objects.log"
    raw = bytearray(log.read_bytes())
    middle = raw.index(bytes([1]) * 1000)
    raw[middle + 10] ^= 0xFF
    log.write_bytes(raw[:-1])
    shop.again(store)
    assert [item[0] for item in store.call("GET", "/list").json()["objects"]] == ["o0", "o2"]
    assert store.stats()["damaged"] == 1
    assert store.put("o3", b"again", version="1.9").status == 201
    shop.again(store)
    assert store.call("GET", "/o/o3").body == b"again"


def test_a_log_cut_anywhere_keeps_exactly_the_whole_records(tmp_path: Path) -> None:
    engine = LogEngine(tmp_path)
    ends = [0]
    for number in range(3):
        data = bytes([number]) * 40
        assert engine.put(f"o{number}", (1, number), sha256(data), data)
        ends.append(engine.bytes_used())
    engine.close()
    log = tmp_path / "objects.log"
    raw = log.read_bytes()
    for size in range(len(raw) + 1):
        log.write_bytes(raw[:size])
        cut = LogEngine(tmp_path)
        whole = sum(end <= size for end in ends[1:])
        assert sorted(cut.index) == [f"o{number}" for number in range(whole)]
        assert cut.bytes_used() == ends[whole]
        cut.close()


def test_damaged_bytes_are_never_given_out(shop: Shop) -> None:
    for node, engine in (("n1", "log"), ("n2", "files")):
        store = shop.store(node, engine)
        store.put("a", b"precious")
        file = shop.folder / node / "objects" / ("objects.log" if engine == "log" else "a@1.1")
        file.write_bytes(file.read_bytes().replace(b"precious", b"precIous"))
        assert store.call("GET", "/o/a").status == 500


def test_bad_requests_are_refused_and_harm_nobody(shop: Shop) -> None:
    store = shop.store("n1")
    assert store.put("a", b"x").status == 201
    wrong = {"Skerry_Fence": "1", "Skerry_Version": "1.9", "Skerry_Sha256": "0" * 64}
    assert store.call("PUT", "/o/b", b"x", **wrong).status == 400
    assert store.put("..%2Ffence", b"x", version="1.3").status == 400
    assert store.put(".hidden", b"x", version="1.3").status == 400
    assert store.put("b", b"x", version="nonsense").status == 400
    assert store.put("b", bytes(BODY_BYTES_MAX), version="1.4").status == 201
    assert b" 413 " in raw_answer(store, f"PUT /o/b HTTP/1.1\r\nContent-Length: {BODY_BYTES_MAX + 1}\r\n\r\n")
    assert b" 411 " in raw_answer(store, "PUT /o/b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert b" 400 " in raw_answer(store, "PUT /o/b HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
    assert raw_answer(store, "nonsense\r\n\r\n") == b""
    assert store.call("GET", "/o/a", Long="x" * 40_000).status == 431
    assert store.call("POST", "/copy", b"[]", Skerry_Fence="1").status == 400
    assert store.call("DELETE", "/o/a").status == 404
    assert store.call("GET", "/o/a").body == b"x"


def test_a_full_store_says_so_and_still_reads(shop: Shop) -> None:
    store = shop.start("store", "n1", "--dir", str(shop.folder / "n1"), "--limit-bytes", "3000")
    assert store.put("a", b"x" * 2000).status == 201
    refused = store.put("b", b"x" * 2000, version="1.2")
    assert (refused.status, "3000" in refused.error()) == (507, True)
    assert store.call("GET", "/o/a").status == 200


def test_a_probe_measures_and_leaves_nothing(shop: Shop) -> None:
    store = shop.store("n1")
    store.put("a", b"x")
    before = store.stats()
    done = run("probe", "store", "--for", "400ms", "--at", store.endpoint)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["figures"].keys() == {"putRate", "getRate", "putLatencyP95"}
    assert all(figure > 0 for figure in printed["figures"].values())
    assert printed["operations"] > 0
    assert printed["seconds"] >= 0.4
    assert store.stats() == before
    assert list((shop.folder / "n1" / "probe").iterdir()) == []


@pytest.mark.parametrize(("role", "metric"), [("intake", "requestRate"), ("placement", "decideRate"),
                                              ("migrate", "scanRate"), ("hello", "requestRate")])  # fmt: skip
def test_every_program_can_be_measured_without_surroundings(shop: Shop, role: str, metric: str) -> None:
    program = shop.start(role, "n1")
    done = run("probe", role, "--for", "200ms", "--at", program.endpoint)
    assert json.loads(done.stdout)["figures"][metric] > 0


def test_a_probe_of_nothing_says_so() -> None:
    done = run("probe", "hello", "--for", "100ms", "--at", f"127.0.0.1:{free_port()}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing was measured" in done.stderr


def test_a_signal_ends_a_program_even_if_it_was_inherited_as_ignored(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    ignoring = "import os,signal,sys;signal.signal(signal.SIGTERM,signal.SIG_IGN);os.execv(sys.argv[1],sys.argv[1:])"
    command = module("store", "--listen", listen, "--dir", str(tmp_path))
    command = [command[0], "-c", ignoring, *command]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "listening" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0


def test_a_port_that_is_taken_is_named(shop: Shop) -> None:
    hello = shop.start("hello", "n1")
    done = run("hello", "--listen", hello.endpoint)
    assert done.returncode == 1
    assert hello.endpoint in done.stderr


def test_programs_are_small(shop: Shop) -> None:
    programs = [shop.store("n1"), *(shop.start(role, "n1") for role in ("intake", "placement", "migrate", "hello"))]
    for program in programs:
        eventually(program.ready)
        status = Path(f"/proc/{program.process.pid}/status").read_text()
        resident_kib = int(status.partition("VmRSS:")[2].split()[0])
        assert resident_kib <= 24 * 1024, program.role
