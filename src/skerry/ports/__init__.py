"""What the shell asks of the outside, as protocols with their contracts."""
