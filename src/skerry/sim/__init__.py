"""A whole site in virtual time: the very agents that run for real, in a world that one seed draws.

`world` puts it together, `machine`, `shell`, `guard`, `network` and `manager` stand in for what is outside the core,
`faults` and `adversary` break it, `checkers` judge it (one file a property), `coverage` says whether a run was worth
its time, `runner` runs seeds. Nothing here knows a real clock, a real socket or a real process.
"""
