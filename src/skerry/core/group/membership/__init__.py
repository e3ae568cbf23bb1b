"""Who is in contact with whom."""
