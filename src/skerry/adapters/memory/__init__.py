"""Stand-ins within one process that pass the same contract suites as the real parts: `storage.py`, `transport.py`."""
