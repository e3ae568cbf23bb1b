"""HTTP: the node and the manager as their users see them."""
