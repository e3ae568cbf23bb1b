"""What a node finds out about the machine below it."""
