"""How nodes decide together, whatever they decide about."""
