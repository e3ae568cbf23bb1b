"""All of them."""

from __future__ import annotations

from skerry.sim.sabotages import (
    exceptions,
    exclusiveness,
    guests,
    holding,
    journal,
    leadership,
    metering,
    plans,
    rosters,
    trust,
    users,
)
from skerry.sim.sabotages.sabotage import Sabotage

SABOTAGES: tuple[Sabotage, ...] = (
    *exclusiveness.SABOTAGES,
    *rosters.SABOTAGES,
    *leadership.SABOTAGES,
    *trust.SABOTAGES,
    *plans.SABOTAGES,
    *guests.SABOTAGES,
    *holding.SABOTAGES,
    *journal.SABOTAGES,
    *metering.SABOTAGES,
    *users.SABOTAGES,
    *exceptions.SABOTAGES,
)
"""By rule; names are unique."""
