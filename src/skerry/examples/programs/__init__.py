"""The programs that the example manifests run, their probes, and a client that uses them.

They stand for software of a user's own: nothing here imports anything of Skerry's, and only the standard library is
needed. Each program is a module to be run with `python -m`. They learn what surrounds them from environment variables
and from one file that is rewritten while they run (`surroundings`).

What each is for:

- `store`      keeps objects, durably, by one of two engines (`engine_log`, `engine_files`)
- `placement`  decides which two stores hold an object, and restores two copies after a loss (`ledger`, `copying`)
- `intake`     the door for clients: writes two copies before it says yes
- `migrate`    walks through the stores now and then; nobody misses it while it is away
- `hello`      the smallest service there is
- `probe`      puts load on one of them and prints what it measured
- `client`     uses the service for a while, and later checks that nothing acknowledged was lost

Below them: `messages`, `server` and `caller` (HTTP/1.1), `service` (what all have in common), `use` (who was served in
which second), `clock`.
"""
