"""Where an interface is offered, for clients."""
