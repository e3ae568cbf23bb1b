"""Durable state on a node, by SQLite: `state.py`."""
