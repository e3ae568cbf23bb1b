"""Which version of the roster counts for grants (X5)."""
