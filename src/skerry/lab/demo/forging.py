"""Throughout: a process of no member sends forged, replayed and foreign claims onto the fabric; none has any effect.

It even has a certificate of the site's own authority, which this script makes with the authority's key, as somebody who
stole that key would: a certificate opens a connection, and who belongs is decided by the roster alone.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

from skerry.adapters.keys import ed25519, x509
from skerry.adapters.keys.tls import Identity, Kind, TlsFiles
from skerry.lab import processes, state, stranger
from skerry.lab.demo.stage import DemoFailed, Stage
from skerry.lab.state import HOST

SENT_WITHIN_S = 20.0


def begin(stage: Stage) -> None:
    """From now on somebody lies."""
    folder, lab = stage.lab.folder, stage.lab.state
    home = folder / "stranger"
    home.mkdir(mode=0o700)
    _certify(folder, home, lab.site)
    port = state.free_ports(1, None, lab.relay_api_port - state.PORTS.start + 100)[0]
    settings = {
        "site": lab.site,
        "identity": str(home),
        "listen": f"tls/{HOST}:{port}",
        "peers": [f"tls/{HOST}:{place.fabric_port}" for place in lab.nodes.values()],
        "members": list(lab.nodes),
        "seed": stage.seed,
        "claims": str(home / "claims.json"),
    }
    (home / "stranger.json").write_text(json.dumps(settings))
    argv = [sys.executable, "-m", stranger.__name__, str(home / "stranger.json")]
    processes.start(argv, lab=lab.id, cwd=home, log=folder / "stranger.log")
    stage.until("the stranger sends", lambda: _sent(home) or None, SENT_WITHIN_S)
    stage.say("a stranger with a certificate, but without a place in the roster, sends forged claims from now on")


def _certify(folder: Path, home: Path, site: str) -> None:
    authority = x509.load_authority(
        folder / "manager" / "authority" / "key.pem", folder / "manager" / "authority" / "cert.pem"
    )
    seed = ed25519.generate()
    issued = authority.issue(x509.create_request(seed), Identity(kind=Kind.NODE, site=site, name=stranger.NAME))
    x509.save(TlsFiles.within(home), authority_pem=authority.certificate_pem, certificate_pem=issued, seed=seed)


def _sent(home: Path) -> dict[str, int]:
    try:
        sent: dict[str, int] = json.loads((home / "claims.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return sent


def end(stage: Stage) -> None:
    """How many of its claims had an effect: looked for where each of them would show."""
    folder, lab = stage.lab.folder, stage.lab.state
    sent = _sent(folder / "stranger")
    for one in processes.found(lab.id):
        if stranger.__name__ in one.command:
            processes.send(one.pid, signal.SIGTERM)
    effects, refused = 0, 0
    for name in stage.names():
        status = stage.status(name)
        refused += status["refused"]
        effects += _effects(status)
    if not refused:
        raise DemoFailed("no node has refused anything: the stranger was not heard")
    stage.found["forged_sent"] = sum(sent.values())
    stage.found["forged_accepted"] = effects
    told = ", ".join(f"{count} {kind}" for kind, count in sent.items())
    stage.say(f"the stranger sent {told} claims; the nodes refused {refused} statements, {effects} had an effect")


def _effects(status: dict[str, Any]) -> int:
    """Traces of what it claimed: an absurd term, a roster of its own, itself among members or chains."""
    return sum(
        (
            status["term"] >= stranger.ABSURD_TERM,
            status["roster_version"] != len([name for name in status["documents"] if name.startswith("roster/")]),
            any(member["node"] == stranger.NAME for member in status["members"]),
            any(chain.startswith(f"{stranger.NAME}/") for chain in status["journal"]),
            status["plan"] is not None and int(status["plan"].split(".")[0]) >= stranger.ABSURD_TERM,
        )
    )
