"""`skerry pause`, `drain`, `resume`: an operator's holds (R4), at a manager or at any node of a site, cut off or not.
`skerry hand-over`: who is to lead it, at a node (L6).

Each is a word signed by the operator whose certificate is shown; the site keeps it as it was signed. Whoever lifts at a
manager what somebody holds at the site itself has to name that hold: they may have their hands in the machine.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from skerry.cli.client import Server, said
from skerry.cli.errors import Failed
from skerry.cli.render import Format, Output, show
from skerry.cli.signing import operators_word
from skerry.cli.target import As, At, SiteName, identity_folder, manager_first, node_first, only_node, site_path

Why = Annotated[str, typer.Option("--why", help="For whoever reads the status.", metavar="TEXT")]

_PAUSE = """\b
Examples:
  skerry pause shop-files --why 'the till is being repaired'
  skerry pause hq/shop-files/placement --server https://10.0.0.11:7448   # one role, at the site"""
_DRAIN = """\b
Example:
  skerry drain till-2 --why 'new disk' --server https://10.0.0.11:7448"""
_RESUME = """\b
Examples:
  skerry resume till-2
  skerry resume till-2 --override till-2@till-1   # at head office, what till-1's site holds itself"""


_HAND_OVER = """\b
Examples:
  skerry hand-over                # to whoever would lead best of the others
  skerry hand-over till-3 --server https://10.0.0.11:7448"""
TAKEN_OVER_WITHIN_MS = 10_000
LOOK_AGAIN_S = 0.1


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command(epilog=_PAUSE, short_help="Stop the work of an intent or role until it is resumed.")(pause)
    app.command(epilog=_DRAIN, short_help="Give a node nothing new, and move what it has.")(drain)
    app.command(epilog=_RESUME, short_help="Lift every hold on something.")(resume)
    app.command("hand-over", epilog=_HAND_OVER)(hand_over)


def pause(
    subject: Annotated[str, typer.Argument(help="An intent, or one role of it.", metavar="INTENT[/ROLE]")],
    why: Why = "",
    site: SiteName = None,
    server: At = None,
    identity: As = None,
    output: Output = Format.TABLE,
) -> None:
    """Stop the work of an intent or role, and keep it stopped until `skerry resume`."""
    asked = manager_first(server, identity)
    _set("pause", _whole_name(asked, subject, site), why, asked, _Place(asked, site, identity), output)


def drain(
    node: Annotated[str, typer.Argument(help="A node of the site.", metavar="NODE")],
    why: Why = "",
    site: SiteName = None,
    server: At = None,
    identity: As = None,
    output: Output = Format.TABLE,
) -> None:
    """Give a node nothing new, and move what it has, without a gap where that can be; until `skerry resume`."""
    asked = manager_first(server, identity)
    _set("drain", node, why, asked, _Place(asked, site, identity), output)


def resume(
    subject: Annotated[str, typer.Argument(help="What is paused or drained.", metavar="INTENT[/ROLE]|NODE")],
    override: Annotated[
        list[str] | None,
        typer.Option("--override", help="A hold of the site's own, by its name; may be repeated.", metavar="HOLD"),
    ] = None,
    site: SiteName = None,
    server: At = None,
    identity: As = None,
    output: Output = Format.TABLE,
) -> None:
    """Lift every hold on something; at a manager only those set there, and others that are named."""
    asked = manager_first(server, identity)
    place = _Place(asked, site, identity)
    held = [h for h in place.holds() if not h["lifted"] and _is_meant(h["subject"], subject)]
    if not held:
        raise Failed(f"nothing holds {subject!r}")
    others = [
        h for h in held if asked.is_manager and h["place"] != asked.who.name and h["hold"] not in (override or ())
    ]
    if others:
        told = "; ".join(f"{h['hold']}, by {h['by']}{': ' * bool(h['why'])}{h['why']}" for h in others)
        raise Failed(f"held at the site itself: {told}. Lift it there, or name it: --override {others[0]['hold']}")
    for one in held:
        place.say({**one, "lifted": True})
    names = ", ".join(one["hold"] for one in held)
    show({"lifted": [one["hold"] for one in held]}, output, lambda: [f"lifted: {names}"])


def hand_over(
    node: Annotated[str | None, typer.Argument(help="Who is to lead.", metavar="NODE")] = None,
    server: At = None,
    identity: As = None,
    output: Output = Format.TABLE,
) -> None:
    """Have another node of the site lead. The one that leads now goes on until it has taken over; no plan changes."""
    from skerry.core.group.election.wire import HandOverWanted
    from skerry.core.kernel.ids import NodeId
    from skerry.shell.clock import boot_ms

    asked = node_first(server, identity)
    only_node(asked, "a leader")
    word = HandOverWanted(term=asked.get("/v1/status")["term"], to=NodeId(node) if node is not None else None)
    signed = operators_word(identity_folder(identity, asked.address), str(asked.who.site), word)
    answer = asked.ask("POST", "/v1/hand-over", signed)
    if answer.status != 200:
        raise Failed(f"refused: {said(answer)}")
    until_ms = boot_ms() + TAKEN_OVER_WITHIN_MS
    while (found := asked.get("/v1/status"))["term"] == word.term or found["leader"] is None:
        if boot_ms() > until_ms:
            raise Failed(f"{answer.value['to']} has not taken over: {answer.value['leader']} leads on; ask again")
        time.sleep(LOOK_AGAIN_S)
    told = {"leader": found["leader"], "term": found["term"]}
    show(told, output, lambda: [f"{told['leader']} leads, term {told['term']}"])


class _Place:
    """Where holds are handed in: a node, or a site at a manager."""

    def __init__(self, asked: Server, site: str | None, identity: Path | None) -> None:
        self.asked = asked
        self.site = site_path(asked, site).split("/")[3] if asked.is_manager else str(asked.who.site)
        self.known = f"/v1/sites/{self.site}/holds" if asked.is_manager else "/v1/holds"
        self.taken = f"/v1/holds?site={self.site}" if asked.is_manager else "/v1/holds"
        self.identity = identity_folder(identity, asked.address)

    def holds(self) -> list[dict[str, Any]]:
        """All that are known there."""
        found: list[dict[str, Any]] = self.asked.get(self.known)["holds"]
        return found

    def roster(self) -> int:
        """The version of the site's roster that is known there."""
        found: int = self.asked.get(self.known)["roster_version"]
        return found

    def say(self, hold: dict[str, Any]) -> dict[str, Any]:
        """Sign and hand in. Raises `Failed`."""
        from skerry.core.stages.intent.holds import Hold
        from skerry.shell.clock import wall_ms

        body = Hold(
            what=hold["what"],
            subject=hold["subject"],
            place=hold["place"],
            number=hold["number"],
            lifted=hold["lifted"],
            why=hold["why"],
            wall_ms=wall_ms(),
            roster=self.roster(),
        )
        answer = self.asked.ask("POST", self.taken, operators_word(self.identity, self.site, body))
        if answer.status != 200:
            raise Failed(f"refused: {said(answer)}")
        done: dict[str, Any] = answer.value
        return done


def _set(what: Literal["pause", "drain"], subject: str, why: str, asked: Server, place: _Place, output: Format) -> None:
    here = asked.who.name
    numbers = [h["number"] for h in place.holds() if (h["what"], h["subject"], h["place"]) == (what, subject, here)]
    word = {"what": what, "subject": subject, "place": here, "number": max(numbers, default=0) + 1, "why": why}
    done = place.say({**word, "lifted": False})
    show(done, output, lambda: [f"{subject} is {what}{'d' if what == 'pause' else 'ed'}: {done['hold']}"])


def _whole_name(asked: Server, name: str, site: str | None) -> str:
    """An intent or role as the site names it: `<owner>/<intent>`, `<owner>/<intent>/<role>`."""
    if asked.is_manager:
        known = [ir["intent"] for ir in asked.get(f"{site_path(asked, site)}/irs")["irs"]]
    else:
        known = [row["intent"] for row in asked.get("/v1/status")["functionalities"]]
    for intent in known:
        for short in (intent, intent.partition("/")[2]):
            if name == short or name.startswith(f"{short}/"):
                return str(intent) + name.removeprefix(short)
    return name


def _is_meant(subject: str, name: str) -> bool:
    """By its whole name, or by the name that an intent was given."""
    return name in (subject, subject.partition("/")[2])
