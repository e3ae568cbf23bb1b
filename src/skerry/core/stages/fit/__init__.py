"""How well a node fills each role, measured by running it."""
