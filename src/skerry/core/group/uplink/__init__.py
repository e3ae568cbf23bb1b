"""Whether the manager is there, and the mode that follows."""
