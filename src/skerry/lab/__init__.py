"""A site on one machine that a user can break with their own hands, and the demonstration that is a script over it.

state        what a lab is, kept in its folder
processes    starting, finding and ending processes by a mark in their environment
relay        the only way between nodes and manager; can be cut (a process, standard library alone)
wires        instead of it, where each node is a network namespace: cables and switches, all breakable
networks     what such a lab needs beside its wires: addresses, disks that can be filled, clocks that can be stepped
carrier      frames on a detour that takes a while (a process, standard library alone)
observer     the one who measures (a process, one file, standard library alone, knows nothing of Skerry's code)
site         the verbs: up, status, cut, heal, freeze, thaw, kill, start, slow, load, down; link, split, loss, rate, ...
demo         the main job, act by act
chaos        faults drawn from a seed, judged from outside
"""
