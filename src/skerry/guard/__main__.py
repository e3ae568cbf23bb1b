"""`python -m skerry.guard --folder DIR`: start the guard of a folder and leave it running.

Returns 0 as soon as its socket answers, the guard itself going on in a session of its own without a terminal; 3 if
the folder has a guard already; 1, and why, if it cannot be. The environment is kept as it was given.
"""

from __future__ import annotations

import fcntl
import os
import sys

from skerry.guard import keeper, place, server, spawn


def _lock(folder: str) -> int:
    """Own the folder for as long as this process and its child are there. Ends the program if somebody else does."""
    lock = os.open(os.path.join(folder, place.LOCK_NAME), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 32).decode("ascii", "replace").strip()
        sys.stderr.write(f"{folder}: has a guard already, process {owner}; a folder has only one\n")
        sys.exit(place.BUSY_EXIT_CODE)
    return lock


def _detach(folder: str, lock: int) -> None:
    """Go on as a process that no terminal and no parent can end; the process that was started returns 0."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    empty = os.open("/dev/null", os.O_RDWR)
    log = os.open(os.path.join(folder, place.LOG_NAME), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for number, file in enumerate((empty, log, log)):
        os.dup2(file, number)


def main(arguments: list[str]) -> int:
    """Run the program; returns its exit code."""
    if len(arguments) != 2 or arguments[0] != "--folder":
        sys.stderr.write("usage: python -m skerry.guard --folder DIR\n")
        return 2
    folder = os.path.abspath(arguments[1])
    os.umask(0o077)
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        lock = _lock(folder)
        listening = place.listen(folder)
    except OSError as error:
        sys.stderr.write(f"{folder}: no guard can work here: {error.strerror or error}\n")
        return 1
    _detach(folder, lock)
    spawn.become_subreaper()
    keeper.end_leftovers(folder)
    server.Server(folder, listening).run()
    os.unlink(os.path.join(folder, place.SOCKET_NAME))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
