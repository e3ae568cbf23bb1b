"""X6: starting, stopping and taking over. Everything that a name ever started is gone when `stop` returns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import pytest

from skerry.adapters.workload.process import ProcessWorkloads
from skerry.core.kernel.ids import InstanceId
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.ir.model import Configuration, Readiness
from skerry.guard.place import boot_ms
from skerry.ports.workload import Running, WorkloadError
from tests.contracts.workload.conftest import (
    STORE,
    Node,
    alive,
    children,
    configuration,
    fetch,
    read,
    start,
    until,
    write,
)


def test_a_started_workload_answers_and_is_gone_once_stopped(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        running = await start(workloads, configuration())
        assert (running.instance, running.digest) == (STORE, "d1")
        assert (await fetch(running.ports["main"]))["pid"] == running.pid
        await workloads.stop(STORE, 1_000)
        assert not alive(running.pid)
        with pytest.raises(ConnectionRefusedError):
            await fetch(running.ports["main"])
        await workloads.stop(STORE, 1_000)

    node.play(story)


def test_a_port_is_taken_again_if_it_is_free_and_another_if_not(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        port = (await start(workloads, configuration())).ports["main"]
        await fetch(port)
        await workloads.stop(STORE, 1_000)
        assert (await start(workloads, configuration(), port=port)).ports["main"] == port
        other = await workloads.start(InstanceId("x/y#2"), configuration(), resources=Resources(), with_={}, port=port)
        assert other.ports["main"] != port

    node.play(story)


def test_a_workload_sees_a_clean_environment_and_what_was_filled_in(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKERRY_MARK", "here")
    monkeypatch.setenv("SKERRY_JOIN_TOKEN", "secret")
    monkeypatch.setenv("HOME_OF_THE_AGENT", "not yours")
    words = ("serve", "${port.main}", "${endpoint.side}", "${dir.data}", "${with.tier}", "${node.name}", "${fence}")

    async def story(workloads: ProcessWorkloads) -> None:
        what = configuration(*words, environment={"TIER": "is ${with.tier}"})
        running = await start(workloads, what, with_={"tier": "hot"}, fence=41)
        about = await fetch(running.ports["main"])
        main, side, data, tier, name, fence = about["argv"][2:]
        assert (int(main), side) == (running.ports["main"], f"127.0.0.1:{running.ports['side']}")
        assert (tier, name, fence, running.fence) == ("hot", "n1", "41", 41)
        assert os.listdir(data) == []
        environment = about["env"]
        assert read(environment["SKERRY_ENDPOINTS"]) == b"{}"
        assert environment["TIER"] == "is hot"
        assert environment["SKERRY_MARK"] == "here"
        assert environment["SKERRY_PORT_MAIN"] == main
        assert (environment["SKERRY_FENCE"], environment["SKERRY_INSTANCE"]) == ("41", STORE)
        strange = {n for n in environment if not n.startswith("SKERRY_")} - {
            "PATH",
            "LANG",
            "TIER",
            "PYTHONPATH",
            "LC_CTYPE",
        }
        assert not strange
        assert "SKERRY_JOIN_TOKEN" not in environment

    node.play(story)


def test_limits_hold(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        running = await start(workloads, configuration(), resources=Resources(memory_bytes=64 << 20))
        limits = (await fetch(running.ports["main"]))["limits"]
        assert (limits["Max data size"], limits["Max core file size"]) == (str(64 << 20), "0")
        assert os.getpriority(os.PRIO_PROCESS, running.pid) == 7
        assert os.sched_getaffinity(running.pid) == {0}
        greedy, little = configuration("eat", str(200 << 20)), Resources(memory_bytes=64 << 20)
        with pytest.raises(WorkloadError, match="MemoryError"):
            await workloads.start(InstanceId("a/b#1"), greedy, resources=little, with_={})

    node.play(story, nice=7, affinity=[0])


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (configuration("absent"), "'absent' is allowed here but was not found"),
        (configuration("serve", "${port.main}", "${site.name}"), r"\$\{site.name\} is not known here"),
        (configuration("serve", "${with.tier}"), r"\$\{with.tier\} is not known here"),
        (configuration("serve", "${port.main"), "is not closed"),
        (configuration("serve", "${port.a b}"), "port name 'a b'"),
        (configuration("crash"), r"(?s)ended \(exit 7\) before it was ready.*cannot find my map"),
        (
            configuration(ready=Readiness(http_path="/never", within_ms=600)),
            r"(?s)not ready within 600 ms: expected 200 at /never.*503.*serving",
        ),
        (configuration(ready=Readiness(tcp_port="other", within_ms=400)), "expected port 'other' to open"),
    ],
)
def test_what_cannot_start_says_why_and_leaves_nothing(node: Node, what: Configuration, expected: str) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        with pytest.raises(WorkloadError, match=expected):
            await start(workloads, what)
        with node.guard() as guard:
            assert guard.ask("list")["workloads"] == []

    node.play(story)


def test_a_program_that_the_owner_does_not_allow_is_not_started(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        what = configuration()
        with pytest.raises(WorkloadError, match="'/bin/sleep' is not allowed here"):
            await start(workloads, Configuration(name="x", start=("/bin/sleep", "9"), ready=what.ready))

    node.play(story)


def test_an_end_that_nobody_asked_for_is_reported_with_the_last_lines(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        running = await start(workloads, configuration())
        os.kill(running.pid, signal.SIGKILL)
        ended = await asyncio.wait_for(workloads.exited(), 10)
        assert (ended.instance, ended.reason, ended.log_tail) == (STORE, "signal 9", "serving\n")
        again = await start(workloads, configuration())
        assert again.pid != running.pid

    node.play(story)


def test_a_workload_that_ignores_term_is_killed_after_its_time(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        running = await start(workloads, configuration("serve", "${port.main}", "deaf"))
        before = boot_ms()
        await workloads.stop(STORE, 400)
        assert not alive(running.pid)
        assert 400 <= boot_ms() - before < 4_000

    node.play(story)


@pytest.mark.parametrize("way", ["stop", "crash", "deadline"])
def test_what_it_started_is_gone_with_it_also_what_left_its_session(node: Node, way: str) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        running = await start(
            workloads, configuration("serve", "${port.main}", "family"), kill_at_ms=boot_ms() + 60_000
        )
        family = children(running.pid)
        assert len(family) == 2
        if way == "stop":
            await workloads.stop(STORE, 1_000)
        elif way == "crash":
            os.kill(running.pid, signal.SIGKILL)
            await asyncio.wait_for(workloads.exited(), 10)
        else:
            await workloads.extend(STORE, boot_ms() + 50)
            assert (await asyncio.wait_for(workloads.exited(), 10)).reason == "deadline"
        assert not [pid for pid in (running.pid, *family) if alive(pid)]

    node.play(story)


def test_an_extended_deadline_is_the_one_that_counts(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        begun = boot_ms()
        await start(workloads, configuration(), kill_at_ms=begun + 1_500)
        await workloads.extend(STORE, begun + 2_500)
        assert (await asyncio.wait_for(workloads.exited(), 10)).reason == "deadline"
        assert 2_500 <= boot_ms() - begun < 3_500
        with pytest.raises(WorkloadError, match="no such workload"):
            await workloads.extend(STORE, begun + 9_000)

    node.play(story)


def test_a_workload_outlives_its_agent_and_the_next_one_takes_it_over(node: Node) -> None:
    async def first(workloads: ProcessWorkloads) -> None:
        before.append(await start(workloads, configuration(), fence=3))

    async def second() -> None:
        workloads = node.workloads()
        assert await workloads.open() == before
        assert (await fetch(before[0].ports["main"]))["pid"] == before[0].pid
        os.kill(before[0].pid, signal.SIGTERM)
        assert (await asyncio.wait_for(workloads.exited(), 10)).reason == "signal 15"
        await workloads.end()

    before: list[Running] = []
    node.play(first)
    asyncio.run(second())


def test_an_exit_while_no_agent_is_there_is_kept_for_the_next(node: Node) -> None:
    async def first(workloads: ProcessWorkloads) -> None:
        pids.append((await start(workloads, configuration())).pid)

    async def second(workloads: ProcessWorkloads) -> None:
        assert (await asyncio.wait_for(workloads.exited(), 10)).reason == "signal 9"

    pids: list[int] = []
    node.play(first)
    os.kill(pids[0], signal.SIGKILL)
    node.play(second)


def test_without_an_agent_only_those_go_that_may_not_run_alone(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        bound = await start(workloads, configuration(), without_agent_ms=300)
        free = await workloads.start(InstanceId("a/b#1"), configuration(), resources=Resources(), with_={})
        await asyncio.sleep(0.8)  # longer than it may run alone: it is not alone
        assert alive(bound.pid)
        await workloads.close()
        await until(lambda: not alive(bound.pid))
        assert alive(free.pid)
        next_agent = node.workloads()
        assert [running.pid for running in await next_agent.open()] == [free.pid]
        assert (await asyncio.wait_for(next_agent.exited(), 10)).reason == "no agent"
        await next_agent.close()

    node.play(story)


def test_workloads_and_their_children_die_with_their_guard_and_a_new_one_is_started(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        running = await start(workloads, configuration("serve", "${port.main}", "family"))
        everyone = [running.pid, *children(running.pid)]
        with node.guard() as guard:
            os.kill(guard.ask("ping")["pid"], signal.SIGKILL)
        assert (await asyncio.wait_for(workloads.exited(), 10)).reason == "guard ended"
        await until(lambda: not any(alive(pid) for pid in everyone))
        assert alive((await start(workloads, configuration())).pid)

    node.play(story)


def test_a_start_that_its_agent_did_not_finish_is_stopped_by_the_next(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        with node.guard() as guard, contextlib.closing(guard):
            order = {"name": f"run:{STORE}", "argv": ["sleep", "60"], "env": {"PATH": os.environ["PATH"]}}
            pid = guard.ask("start", cwd="/", log=str(node.folder / "log"), meta={"ready": False}, **order)["pid"]
        await workloads.close()
        next_agent = node.workloads()
        assert await next_agent.open() == []
        assert not alive(pid)
        await next_agent.close()

    node.play(story)


def test_endpoints_are_never_seen_half_written(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        running = await start(workloads, configuration())
        path = (await fetch(running.ports["main"]))["env"]["SKERRY_ENDPOINTS"]
        contents = [bytes([65 + turn]) * 300_000 for turn in range(20)]
        # Whoever had it open still reads the whole old one; whoever opens it, the whole new one.
        for content in contents:
            old, before = os.open(path, os.O_RDONLY), read(path)
            await workloads.write_endpoints(STORE, content)
            assert read(path) == content
            assert os.read(old, 1 << 20) == before
            os.close(old)

    node.play(story)


def test_logs_are_bounded_and_their_end_is_kept(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        await start(workloads, configuration("serve", "${port.main}", "loud"))
        await until(lambda: workloads.log(STORE, 1) == "serving")
        assert workloads.log(STORE, 2).startswith("line 39999 ")
        size = sum(path.stat().st_size for path in (node.folder / "workloads").rglob("log*"))
        assert 256 * 1024 < size <= 2 * 256 * 1024

    node.play(story)


def test_data_are_kept_across_restarts_and_scratch_is_not(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        what = configuration("serve", "${port.main}", "${dir.data}", "${dir.scratch}")
        folders = (await fetch((await start(workloads, what)).ports["main"]))["argv"][3:]
        for folder in folders:
            write(os.path.join(folder, "note"), b"x" * 10_000)
        await workloads.stop(STORE, 1_000)
        await start(workloads, what)
        assert [os.listdir(folder) for folder in folders] == [["note"], []]
        assert (await workloads.usage()).tree.disk_bytes >= 10_000

    node.play(story)


def test_usage_counts_the_tree_and_the_owners_part_apart(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        before = await workloads.usage()
        with node.guard() as guard:
            order = {"name": "load", "argv": ["sh", "-c", "while :; do :; done"], "env": {"PATH": os.environ["PATH"]}}
            guard.ask("start", cwd="/", log=str(node.folder / "load.log"), owner=True, **order)
            await asyncio.sleep(1.2)  # what a share of processor time is taken over
            used = await workloads.usage()
            guard.ask("stop", name="load", within_ms=100)
        assert used.owner.cpu_milli > 200
        assert used.tree.cpu_milli >= used.owner.cpu_milli
        assert 0 < used.owner.memory_bytes < used.tree.memory_bytes
        assert before.owner.memory_bytes == 0

    node.play(story)


def test_a_stop_during_the_start_ends_the_start(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            what = configuration(ready=Readiness(http_path="/never", within_ms=60_000))
            starting = tasks.create_task(_failure(workloads, what))
            await until(lambda: workloads.log(STORE, 1) == "serving")
            await workloads.stop(STORE, 1_000)
            assert "stopped while it was starting" in await starting

    async def _failure(workloads: ProcessWorkloads, what: Configuration) -> str:
        with pytest.raises(WorkloadError) as caught:
            await start(workloads, what)
        return str(caught.value)

    node.play(story)
