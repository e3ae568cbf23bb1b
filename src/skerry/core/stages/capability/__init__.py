"""What a node has, and what of it is free."""
