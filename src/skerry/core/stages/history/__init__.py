"""What was promised against what was delivered."""
