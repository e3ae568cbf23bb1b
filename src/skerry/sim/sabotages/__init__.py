"""Planted bugs, one file for each group of rules: each takes a rule out of the core at run time, in this process only,
and names the properties that have to notice."""
