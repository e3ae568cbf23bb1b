"""Act 1: a manager, and nodes that enrol with a token each; tokens that are used or another site's are refused."""

from __future__ import annotations

from skerry.lab import asking
from skerry.lab.building import Plan
from skerry.lab.demo.stage import DemoFailed, Stage
from skerry.lab.state import HOST, LabError

EXPIRES_AT_ONCE = "1s"


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
                "memory disk" if place.data_root.startswith("/dev/shm") else "disk",  # noqa: S108 - only compared
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
    """Three tokens that are worth nothing. Raises `DemoFailed` if one of them is."""
    lab = stage.lab.state
    for what, joined in (("used", _used), ("another site's", _foreign), ("unknown", _unknown)):
        said = joined(stage)
        if said is None:
            raise DemoFailed(f"a token that is {what} was taken")
        stage.say(f"a token that is {what} is refused: {said}", refused=what)
    stage.found["tokens_refused"] = 3
    assert lab.site


def _refusal(stage: Stage, token: str) -> str | None:
    """Try to join as one more node; what was said against it, None if it was taken."""
    folder = stage.lab.folder / "stranger"
    lab = stage.lab.state
    verb = asking.begun(
        lab.id,
        *("agent", "join", "--manager", f"https://{HOST}:{lab.relay_api_port}", "--token", token),
        *("--site", lab.site, "--name", "stranger", "--folder", folder, "--host", HOST),
        *("--listen", f"tls/{HOST}:1"),
        cwd=stage.lab.folder,
    )
    try:
        asking.finished(verb)
    except LabError as error:
        return str(error).strip().splitlines()[-1][-200:]
    return None


def _used(stage: Stage) -> str | None:
    return _refusal(stage, (stage.lab.folder / "n1.token").read_text())


def _foreign(stage: Stage) -> str | None:
    lab = stage.lab.state
    words = ("manager", "token", "--folder", stage.lab.folder / "manager", "--site", "elsewhere")
    return _refusal(stage, asking.skerry(lab.id, *words, cwd=stage.lab.folder).strip().splitlines()[-1])


def _unknown(stage: Stage) -> str | None:
    token = (stage.lab.folder / "n1.token").read_text()
    return _refusal(stage, "x" * 8 + token[8:])
