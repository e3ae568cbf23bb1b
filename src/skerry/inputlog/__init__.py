"""An agent's own record of what it was told: written beside its steps, stepped through again later, asked why.

Every segment of the record begins with the state that the agent had, so each can be replayed by itself. Nothing in
here decides anything, and an agent whose record cannot be written goes on without.
"""
