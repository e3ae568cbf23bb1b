"""All of them."""

from __future__ import annotations

from skerry.sim.sabotages import exclusiveness, holding, journal, leadership, metering, plans, trust, users
from skerry.sim.sabotages.sabotage import Sabotage

SABOTAGES: tuple[Sabotage, ...] = (
    *exclusiveness.SABOTAGES,
    *leadership.SABOTAGES,
    *trust.SABOTAGES,
    *plans.SABOTAGES,
    *holding.SABOTAGES,
    *journal.SABOTAGES,
    *metering.SABOTAGES,
    *users.SABOTAGES,
)
"""By rule; names are unique."""
