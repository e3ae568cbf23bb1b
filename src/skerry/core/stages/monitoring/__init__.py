"""What is observed of running instances, by their holder and by others."""
