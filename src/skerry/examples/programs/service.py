"""What all the example's services have in common: how they are started, found ready, and stopped.

A service listens before it says so, ends on SIGTERM or SIGINT (also when it inherited them as ignored) within about
half a second, and lets requests that are being answered end first.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable

from skerry.examples.programs.caller import split_endpoint
from skerry.examples.programs.messages import Answer, Refused, Request, json_answer
from skerry.examples.programs.server import Handler, Server

STOP_MS = 500
COPIES_MAX = 4
END_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def arguments(name: str, purpose: str) -> argparse.ArgumentParser:
    """A parser that has `--listen`."""
    parser = argparse.ArgumentParser(prog=f"skerry-{name}", description=purpose)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="where to answer")
    return parser


def fence_argument(text: str) -> int | None:
    """A fence from the command line; None for an empty one, as in a trial run. Raises ValueError."""
    if not text:
        return None
    fence = int(text)
    if not 0 <= fence <= 2**53:
        raise ValueError("a fence is a whole number, not below zero")
    return fence


def copies_argument(text: str) -> int:
    """A number of copies from the command line. Raises ValueError."""
    copies = int(text)
    if not 1 <= copies <= COPIES_MAX:
        raise ValueError(f"expected 1 to {COPIES_MAX} copies")
    return copies


def common(request: Request, *, drained: bool, why: str = "") -> Answer:
    """Answer what every service is asked; refuses all else with 404 or 405."""
    if request.parts == ("healthz",):
        return json_answer({"ok": True})
    if request.parts == ("drained",):
        return json_answer({"drained": drained, "why": why}, 200 if drained else 409)
    raise Refused(404, f"nothing is called {'/'.join(request.parts)[:80]!r} here, or not for {request.method[:10]}")


def serve(name: str, listen: str, handle: Handler, *, background: Callable[[], None], close: Callable[[], None]) -> int:
    """Answer requests until a signal says to end; returns the exit code.

    `background` is called once it listens, `close` after the last answer.
    """
    for number in END_SIGNALS:
        # A handler of its own, since a signal that is ignored may never be delivered to `sigwait`.
        signal.signal(number, lambda _number, _frame: None)
    # Threads inherit the mask, so that only the one that waits is woken.
    signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
    try:
        server = Server(*split_endpoint(listen), handle)
    except (OSError, ValueError) as error:
        sys.stderr.write(
            f"skerry-{name}: cannot listen on {listen}: {error}; give it a free HOST:PORT of this machine\n"
        )
        close()
        return 1
    server.start()
    background()
    sys.stderr.write(f"skerry-{name}: listening on {listen}, process {os.getpid()}\n")
    sys.stderr.flush()
    signal.sigwait(END_SIGNALS)
    server.stop(STOP_MS)
    close()
    return 0
