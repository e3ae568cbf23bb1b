"""Programs that fill roles, run as processes below the node's guard.

`process` is the port's implementation; `link` speaks with the guard; `job` works out a start, by `filling` in argument
vectors and environments; `folders` says where an instance's files are; `ready` waits for a first answer; `figures`
checks what a probe printed; `turns` lets nodes of one machine measure one after the other.
"""
