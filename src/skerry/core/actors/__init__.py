"""Who runs which machines: routing only, no policy."""
