"""Making a lab: relay, manager, nodes that join by token, agents; and waiting until the site has a leader.

What a person does on real machines is done with the same verbs of the command line: `manager run`, `apply`,
`manager token`, `agent join`, `agent run`. Only the relay's addresses are ever told to a node.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from skerry.adapters.manifests import ManifestErrors, load_file
from skerry.core.stages.intent.model import Site
from skerry.lab import asking, interrupting, networks, processes, profiles, relay, state
from skerry.lab.profiles import NodeFile
from skerry.lab.state import HOST, MANAGER_NAME, GuestPlace, LabError, LabState, NodePlace
from skerry.shell.clock import boot_ms
from skerry.shell.settings import SETTINGS_FILE, load_settings

Tell = Callable[[str], None]

PORTS_FOR_ALL = 4
PORTS_PER_NODE = 2
PORTS_PER_GUEST = 3
MANAGERS_MAX = 4
READY_WITHIN_S = 60.0
"""A manager needs three seconds of a processor to start, which it shares with whatever else this machine does."""
BUSY_LOAD_A_PROCESSOR = 2.0
"""Above it, what was too late may be late for that alone."""
LEADER_WITHIN_S, LEADER_WITHIN_A_NODE_S = 60.0, 5.0
"""All agents of a lab start on one machine."""
APPLY_WITHIN_S = 20.0
LOG_TAIL_BYTES = 2_000


CATALOGUE = Path(__file__).parent.parent / "examples" / "tiered-storage" / "catalogue.yaml"
"""What a site's governance and intents are looked up in."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of `lab up`."""

    nodes: int
    site_file: Path
    files: tuple[Path, ...] = ()
    """Further manifests that the manager gets before anybody joins, beside the catalogue."""
    catalogue: Path = CATALOGUE
    contingency: bool = True
    """Whether the site votes a plan for isolation ahead."""
    first_port: int | None = None
    managers: int = 1
    """How many; all but the first are guests at the site (D25)."""
    netns: bool = False
    """Whether each node is a network namespace, with cables of its own."""
    clocks: bool = False
    """Whether their wall clocks can be stepped: each look at a clock costs an agent several times as much then."""


def prepare(folder: Path, plan: Plan) -> LabState:
    """Make the folder and write down names, ports and profiles. Raises `LabError`; then nothing is left."""
    if not 1 <= plan.nodes <= state.NODES_MAX:
        raise LabError(f"--nodes {plan.nodes}: expected 1 to {state.NODES_MAX}")
    if not 1 <= plan.managers <= (1 if plan.netns else MANAGERS_MAX):
        raise LabError(f"--managers {plan.managers}: expected 1 to {MANAGERS_MAX}, and 1 with --netns")
    if (folder / state.STATE_FILE).exists():
        raise LabError(f"{folder}: a lab is up here already; end it with `skerry lab down --folder {folder}`")
    site = site_name(plan.site_file)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise LabError(f"{folder}: no lab can be made here: {error.strerror}") from error
    names = [f"n{number}" for number in range(1, plan.nodes + 1)]
    guests = [f"m{number}" for number in range(2, plan.managers + 1)]
    if plan.netns:
        return networks.prepare(folder, site, names, clocks=plan.clocks)
    # So that labs which start at once on one machine look in different places first.
    offset = int.from_bytes(hashlib.sha256(str(folder).encode()).digest()[:4], "big") % len(state.PORTS)
    count = PORTS_FOR_ALL + PORTS_PER_NODE * len(names) + PORTS_PER_GUEST * len(guests)
    ports = state.free_ports(count, plan.first_port, offset)
    with interrupting.at_once():  # a memory folder that is written down nowhere would never be removed
        return _write_down(folder, site, names, guests, ports)


def _write_down(folder: Path, site: str, names: list[str], guests: list[str], ports: list[int]) -> LabState:
    memory = profiles.memory_folder()
    last = iter(ports[PORTS_FOR_ALL + PORTS_PER_NODE * len(names) :])
    lab = LabState(
        id=secrets.token_hex(8),
        site=site,
        relay_uplink_port=ports[0],
        relay_api_port=ports[1],
        manager_uplink_port=ports[2],
        manager_api_port=ports[3],
        nodes={
            name: _place(folder, name, number, ports[4 + 2 * number], ports[5 + 2 * number], memory)
            for number, name in enumerate(names)
        },
        guests={
            name: GuestPlace(relay_port=next(last), uplink_port=next(last), api_port=next(last)) for name in guests
        },
        memory_folder=str(memory) if memory is not None else None,
    )
    state.save(folder, lab)
    return lab


def site_name(site_file: Path) -> str:
    """The name of the site in a file. Raises `LabError`."""
    try:
        for document in load_file(site_file):
            if isinstance(document.manifest, Site):
                return document.manifest.metadata.name
    except (OSError, ManifestErrors) as error:
        raise LabError(f"{site_file}: {error}") from error
    raise LabError(f"{site_file}: expected a document of kind Site")


def _place(folder: Path, name: str, number: int, fabric: int, api: int, memory: Path | None) -> NodePlace:
    profile = profiles.profile(number)
    root = memory / name if profile.in_memory and memory is not None else folder / name / "data"
    return NodePlace(
        name=name,
        fabric_port=fabric,
        api_port=api,
        data_root=str(root),
        memory=profile.memory,
        cpu=profile.cpu,
        capabilities=profile.capabilities,
        programs=profile.programs,
        nice=profile.nice,
        cores=profiles.cores(number, profile.one_core),
    )


def start_relay(folder: Path, lab: LabState) -> LabState:
    """The only way between nodes and manager. Raises `LabError`."""
    routes = {lab.relay_uplink_port: lab.manager_uplink_port, lab.relay_api_port: lab.manager_api_port}
    return _start_relay(folder, lab, "relay", state.RELAY_SOCKET, routes)


def _start_relay(folder: Path, lab: LabState, name: str, control: str, routes: dict[int, int]) -> LabState:
    log = folder / control.replace(".sock", ".log")
    argv = [sys.executable, relay.__file__, "--control", control]
    for near, far in routes.items():
        argv += ["--route", f"{HOST}:{near}={HOST}:{far}"]
    process = processes.start(argv, lab=lab.id, cwd=folder, log=log)
    _until(lambda: _answers(folder, control), process, log, f"the {name}")
    return _with(folder, lab, name, process)


def start_manager(folder: Path, lab: LabState) -> LabState:
    """Raises `LabError`."""
    home = folder / "manager"
    argv = asking.command(
        *("manager", "run", "--folder", home, "--name", MANAGER_NAME),
        *("--api", lab.manager_api, "--uplink", lab.manager_uplink),
    )
    process = processes.start(argv, lab=lab.id, cwd=folder, log=folder / "manager.log", space=lab.manager_space)
    _until(lambda: manager_api(folder, lab) is not None, process, folder / "manager.log", "the manager")
    return _with(folder, lab, "manager", process)


def start_guest(folder: Path, lab: LabState, name: str) -> LabState:
    """A further manager, behind a relay of its own. Raises `LabError`."""
    place, log = lab.guests[name], folder / f"{name}.log"
    routes = {place.relay_port: place.uplink_port}
    lab = _start_relay(folder, lab, f"relay {name}", state.relay_socket(name), routes)
    argv = asking.command(
        *("manager", "run", "--folder", folder / name, "--name", name),
        *("--api", place.api, "--uplink", f"{HOST}:{place.uplink_port}"),
    )
    process = processes.start(argv, lab=lab.id, cwd=folder, log=log)
    _until(lambda: _serves(folder, lab, name), process, log, f"the manager {name}")
    return _with(folder, lab, f"manager {name}", process)


def invite(folder: Path, lab: LabState, name: str) -> None:
    """Make a manager a guest at the site, by the verbs that operators use; nodes are told of its relay alone. Raises
    `LabError`."""
    at_guest = ("--server", f"https://{lab.guests[name].api}", "--identity", operator(folder, name))
    at_home = ("--server", f"https://{lab.manager_api}", "--identity", operator(folder))
    shown = ("--uplink", f"tls/{HOST}:{lab.guests[name].relay_port}")
    papers = {
        folder / f"{name}.card": ("manager", "card", *shown, *at_guest),
        folder / f"{name}.invitation": ("manager", "admit", folder / f"{name}.card", "--site", lab.site, *at_home),
    }
    for paper, words in papers.items():
        paper.write_text(asking.skerry(lab.id, *words, cwd=folder))
    asking.skerry(lab.id, "manager", "visit", folder / f"{name}.invitation", *at_guest, cwd=folder)


def guest_api(folder: Path, lab: LabState, name: str) -> asking.Api:
    """A guest's API, asked as its operator. Raises `LabError`."""
    return asking.Api(lab.guests[name].api, asking.context(operator(folder, name)))


def _serves(folder: Path, lab: LabState, name: str) -> bool:
    try:
        guest_api(folder, lab, name).get("/v1/sites")
    except (asking.Unanswered, LabError):
        return False
    return True


def operator(folder: Path, manager: str = "manager") -> Path:
    """Whose certificate the verbs use: the operator that a manager's first start makes."""
    return folder / manager / "operators" / "admin"


def manager_api(folder: Path, lab: LabState) -> asking.Api | None:
    """The manager's API, by its own address, once it answers."""
    try:
        api = ask_manager(folder, lab)
        api.get("/v1/sites")
    except (asking.Unanswered, LabError):
        return None  # it is still making its keys, or does not listen yet
    return api


def ask_manager(folder: Path, lab: LabState) -> asking.Api:
    """The manager's API, by its own address, asked as the operator. Raises `LabError`."""
    return asking.Api(lab.manager_api, asking.context(operator(folder)), lab.manager_space)


def apply(folder: Path, lab: LabState, *files: Path, guest: str | None = None) -> list[Any]:
    """Give manifests to the manager or to a guest, all of them or none; returns what it says to each. Raises
    `LabError`."""
    api = ask_manager(folder, lab) if guest is None else guest_api(folder, lab, guest)
    text = "\n---\n".join(file.read_text() for file in files)
    try:
        status, said = api.ask("/v1/apply", body=text.encode(), within_s=APPLY_WITHIN_S)
    except asking.Unanswered as error:
        raise LabError(f"the manager does not answer: {error}") from error
    if status != 200:
        raise LabError(f"{', '.join(map(str, files))}: refused by the manager: {said}")
    applied: list[Any] = said["applied"]
    return applied


def join(folder: Path, lab: LabState, tell: Tell, *, contingency: bool = True) -> None:
    """Every node joins with a token of its own, by way of the relay. Raises `LabError`."""
    verbs = []
    for name in lab.nodes:
        made = token(folder, lab, lab.site, name)
        write_secret(folder / f"{name}.token", made)
        verbs.append((name, begin_join(folder, lab, name, made)))
    for name, verb in verbs:
        asking.finished(verb)
        settle_in(folder, lab, name, contingency=contingency)
        tell(f"{name} has joined")


def token(folder: Path, lab: LabState, site: str, name: str | None = None, ttl_s: int = 600) -> str:
    """A token for one node of a site, from the manager's API. Raises `LabError`."""
    bound = f"&node={name}" if name is not None else ""
    try:
        code, said = ask_manager(folder, lab).ask(f"/v1/tokens?site={site}&ttl={ttl_s}{bound}", body=b"")
    except asking.Unanswered as error:
        raise LabError(f"the manager does not answer: {error}") from error
    if code != 201:
        raise LabError(f"the manager made no token for {name or site}: {said}")
    return str(said["token"])


def begin_join(folder: Path, lab: LabState, name: str, with_token: str) -> subprocess.Popen[str]:
    """Start `skerry agent join` for one node."""
    place = lab.node(name)
    node_file = folder / f"{name}.node.yaml"
    node_file.write_text(
        NodeFile(
            name=name,
            site=lab.site,
            memory=place.memory,
            cpu=place.cpu,
            capabilities=place.capabilities,
            programs=place.programs,
        ).text()
    )
    # No `--peer`: as on real machines, a node dials those who had joined before it.
    return asking.begun(
        lab.id,
        *("agent", "join", "--manager", f"https://{lab.enrols_at}", "--token", with_token),
        *("--site", lab.site, "--name", name, "--folder", folder / name, "--host", place.address),
        *("--listen", f"tls/{place.address}:{place.fabric_port}", "--api", place.api, "--node-file", node_file),
        *("--uplink", f"tls/{lab.uplink_at}"),
        cwd=folder,
        space=place.space,
    )


def settle_in(folder: Path, lab: LabState, name: str, *, contingency: bool = True) -> None:
    """What is special about this machine goes into the settings that joining wrote. Raises `SettingsError`."""
    place = lab.node(name)
    home = folder / name
    settings = msgspec.structs.replace(
        load_settings(home),
        data_root=place.data_root,
        nice=place.nice,
        affinity=place.cores,
        turn_lock=str(folder / "turn.lock"),
        contingency=contingency,
    )
    fresh = home / f"{SETTINGS_FILE}.new"
    write_secret(fresh, msgspec.json.format(msgspec.json.encode(settings).decode(), indent=1) + "\n")
    os.replace(fresh, home / SETTINGS_FILE)
    if place.space is not None:
        networks.onto_disk(folder, name)


def write_secret(path: Path, text: str) -> None:
    """A file for its owner alone. Raises `OSError`."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def start_agent(folder: Path, lab: LabState, name: str) -> LabState:
    """Start one node's agent, without waiting for it."""
    space = lab.node(name).space
    process = processes.start(
        asking.command("agent", "run", "--folder", folder / name),
        lab=lab.id,
        cwd=folder,
        log=folder / f"{name}.log",
        node=name,
        variables=networks.clock_variables(folder, name) if lab.clocks else None,
        space=space,
    )
    return _with(folder, lab, f"agent {name}", process)


def until_led(folder: Path, lab: LabState, nodes: list[str]) -> dict[str, Any]:
    """Wait until these nodes follow one leader and are in contact; returns its status. Raises `LabError`."""
    certificate = asking.context(operator(folder))
    within_s = LEADER_WITHIN_S + LEADER_WITHIN_A_NODE_S * len(nodes)
    until_ms = boot_ms() + round(within_s * 1_000)
    seen: dict[str, Any] = {}
    while boot_ms() < until_ms:
        seen = {}
        for name in nodes:
            _still_there(folder, lab, f"agent {name}", folder / f"{name}.log")
            try:
                place = lab.node(name)
                seen[name] = asking.Api(place.api, certificate, place.space).get("/v1/status", 2)
            except asking.Unanswered:
                break
        leaders = {status["leader"] for status in seen.values()}
        if len(seen) == len(nodes) and len(leaders) == 1 and None not in leaders:
            found: dict[str, Any] = seen[leaders.pop()]
            if set(found["part"]) >= set(nodes):
                return found
        time.sleep(0.1)
    said = {name: status["leader"] for name, status in seen.items()}
    raise LabError(f"the site has no leader after {within_s:.0f} s{busy()}; the nodes say {said}; logs are in {folder}")


def _with(folder: Path, lab: LabState, name: str, process: subprocess.Popen[bytes]) -> LabState:
    changed = state.with_process(lab, name, process.pid)
    state.save(folder, changed)
    return changed


def _answers(folder: Path, control: str) -> bool:
    try:
        asking.relay(folder, "stats", control)
    except LabError:
        return False
    return True


def _until(there: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, what: str) -> None:
    until_ms = boot_ms() + round(READY_WITHIN_S * 1_000)
    while not there():
        if process.poll() is not None:
            raise LabError(f"{what} ended at once: {tail(log)}")
        if boot_ms() > until_ms:
            raise LabError(f"{what} is not ready after {READY_WITHIN_S:.0f} s{busy()}; its log {log} ends: {tail(log)}")
        time.sleep(0.05)


def _still_there(folder: Path, lab: LabState, name: str, log: Path) -> None:
    process = lab.processes.get(name)
    if process is None or not process.alive:
        raise LabError(f"{name} ended; its log {log} ends: {tail(log)}")


def busy() -> str:
    """What to do where a machine without time is the likely reason that something was too late; else empty."""
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load <= BUSY_LOAD_A_PROCESSOR * processors:
        return ""
    return f" ({load:.0f} processes want the {processors} processors here: try again when there is less to do)"


def tail(log: Path) -> str:
    """The end of a log."""
    try:
        return log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip() or "(it printed nothing)"
    except OSError:
        return "(there is no log)"
