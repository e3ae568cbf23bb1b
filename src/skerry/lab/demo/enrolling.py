"""Act 1: a manager, and nodes that enrol with a token each; tokens that are used or another site's are refused."""

from __future__ import annotations

from skerry.lab import asking, building
from skerry.lab.building import Plan
from skerry.lab.demo import measuring
from skerry.lab.demo.stage import DemoFailed, Stage
from skerry.lab.state import HOST, LabError

ELSEWHERE = "elsewhere"


def play(stage: Stage, plan: Plan, *, agents: bool) -> None:
    """The lab comes up; every node is special in its own way."""
    stage.act(1, "Nodes enrol: key made on the node, token used once, certificate and roster taken home")
    stage.lab.up(plan, agents=agents, tell=stage.say)
    stage.start_observer()
    stage.table(
        "What makes each machine what it is",
        ["node", "data on", "memory", "cpu", "declares", "allows", "nice", "cores"],
        [
            [
                place.name,
                "memory disk" if (place.data_root or "").startswith("/dev/shm") else "disk",  # noqa: S108 - only compared
                place.memory,
                place.cpu,
                ", ".join(place.capabilities),
                ", ".join(place.programs) or "all that Skerry brings",
                place.nice,
                ",".join(map(str, place.cores)) or "all",
            ]
            for place in stage.lab.state.nodes.values()
        ],
    )


def refused_tokens(stage: Stage) -> None:
    """D5: three tokens that are worth nothing. Raises `DemoFailed` if one of them is worth something."""
    folder, lab = stage.lab.folder, stage.lab.state
    expired = building.token(folder, lab, lab.site, ttl_s=1)
    elsewhere = measuring.EXAMPLE.joinpath("site.yaml").read_text().replace("name: shop,", f"name: {ELSEWHERE},")
    code, said = stage.lab.manager().ask("/v1/apply", body=elsewhere.encode())
    if code != 200:
        raise DemoFailed(f"the manager does not take a second site: {said}")
    tokens = {
        "used": (folder / f"{next(iter(lab.nodes))}.token").read_text(),
        "another site's": building.token(folder, lab, ELSEWHERE),
        "expired": expired,
    }
    for what, token in tokens.items():
        why = _refusal(stage, token)
        if why is None:
            raise DemoFailed(f"a token that is {what} was taken")
        stage.say(f"a token that is {what} is refused: {why}", refused=what)


def _refusal(stage: Stage, token: str) -> str | None:
    """Try to join as one more node; what was said against it, None if it was taken."""
    lab, folder = stage.lab.state, stage.lab.folder / "refused"
    verb = asking.begun(
        lab.id,
        *("agent", "join", "--manager", f"https://{HOST}:{lab.relay_api_port}", "--token", token),
        *("--site", lab.site, "--name", "refused", "--folder", folder, "--host", HOST),
        *("--listen", f"tls/{HOST}:{lab.relay_uplink_port}", "--multicast", "none"),
        cwd=stage.lab.folder,
    )
    try:
        asking.finished(verb)
    except LabError as error:
        return str(error).strip().rpartition("skerry: ")[2]
    return None
