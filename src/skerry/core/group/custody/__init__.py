"""Documents that the members keep for each other."""
