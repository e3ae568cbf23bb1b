"""The referees: one file for each property of PROTOCOL that must always hold.

Each sees the whole world, which no node can, and judges by real time, real processes and real disks.
"""
