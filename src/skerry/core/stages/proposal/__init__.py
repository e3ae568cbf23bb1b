"""Who should fill each open slot, and why not the others."""
