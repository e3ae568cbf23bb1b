"""Real faults on a lab of network namespaces, drawn from a seed and judged from outside.

drawing      which faults, whom they hit, for how long: from the seed alone
catalogue    the example's storage, sized for so many nodes, with a workload that notes every decision
witness      watches from outside: processes, the client's log, packet counters (a process, standard library alone)
record       what the witness wrote, as questions can be asked of it
judging      I2, I4, I6, I7, I9 and U1-U7, each by name, from the record alone
playing      the faults, by the lab's verbs
running      the whole: up, rounds, verdict, down
"""
