"""A small workload and a small probe, standard library only: what each does is said on its command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time


def say(*lines: str) -> None:
    """Print."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def serve(port: int, *ways: str) -> None:
    """Answer every request with this process's number and environment."""
    if "deaf" in ways:  # to TERM
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "family" in ways:  # one child of its own group, one that went away into a session of its own
        for away in (False, True):
            subprocess.Popen([sys.executable, "-S", __file__, "sleep"], start_new_session=away)
    if "loud" in ways:
        for number in range(40_000):
            say(f"line {number} of very many that nobody wants to keep")
    say("serving")
    listening = socket.create_server(("127.0.0.1", port))
    while True:
        connection, _ = listening.accept()
        with connection:
            request = connection.recv(4096).decode()
            path = request.split(" ")[1:2]
            time.sleep(sum(int(way.removeprefix("takes-ms=")) for way in ways if way.startswith("takes-ms=")) / 1000)
            about = {"pid": os.getpid(), "env": dict(os.environ), "argv": sys.argv, "limits": limits()}
            body = json.dumps(about).encode()
            status = "503 Not Now" if path == ["/never"] else "200 OK"
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def rate(port: int, for_s: float) -> None:
    """Ask one time after the other, and print what that came to."""
    begun, answered = time.monotonic(), 0
    while (took_s := time.monotonic() - begun) < for_s:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as asking:
            asking.sendall(b"GET / HTTP/1.1\r\n\r\n")
            answered += asking.recv(4096).startswith(b"HTTP/1.1 200")
    say(json.dumps({"figures": {"requestRate": answered / took_s}, "operations": answered, "seconds": took_s}))


def limits() -> dict[str, str]:
    """The limits that this process runs under."""
    with open("/proc/self/limits") as file:
        return {line[:26].strip(): line[26:].split()[0] for line in file.readlines()[1:]}


def main(what: str, *words: str) -> None:
    """Do what the first word says."""
    match what:
        case "serve":
            serve(int(words[0]), *words[1:])
        case "crash":
            say("cannot find my map")
            sys.exit(7)
        case "sleep":
            time.sleep(600)
        case "say":
            say(f"measuring {words[:1]}")
            say(*words[1:])
        case "rate":
            rate(int(words[0]), float(words[1]))
        case "fail":
            sys.stderr.write("no such host\n")
            sys.exit(2)
        case "eat":
            kept = bytearray(int(words[0]))
            say(f"ate {len(kept)}")
        case _:
            sys.exit(f"unknown: {what}")


if __name__ == "__main__":
    main(*sys.argv[1:])
