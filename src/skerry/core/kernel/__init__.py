"""The calling convention, and nothing of the domain."""
