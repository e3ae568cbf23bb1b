"""What a site remembers: signed chains and their copies."""
