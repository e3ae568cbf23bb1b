"""The guard: one small process a node that owns its workloads and outlives its agent (X6).

`__main__` starts it, `server` speaks with agents, `keeper` owns the workloads, `spawn` starts one, `census` knows which
process belongs to which workload, `log` keeps what they print, `requests` checks what was asked, `place` is where a
guard is found, and `client` is for those who ask without an event loop.

Rules: standard library only, one thread, nothing of Skerry outside this package; no import that costs memory without
need (`dataclasses`, `typing`, `pathlib`, `argparse`, `subprocess`), since every node carries this process for ever.
"""
