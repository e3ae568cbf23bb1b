"""Who may be active under an exclusive key."""
