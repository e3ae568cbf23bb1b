"""Proposals, ballots, and the plan that a site agrees on."""
