"""What somebody wants: manifests, their quantities, the catalogue, and whether it all makes sense (D1, D3)."""
