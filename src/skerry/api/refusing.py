"""How a manager says no."""

from __future__ import annotations

from skerry.core.actors.manager import ManagerSite


class NotDone(Exception):
    """An operator's or a node's request that is refused; says why and what to do."""

    def __init__(self, message: str, status: int = 409) -> None:
        super().__init__(message)
        self.status = status
        """As HTTP has it: 400 malformed, 403 not allowed, 404 not there, 409 not as things are."""


def check_speaks(place: ManagerSite) -> None:
    """Whether this manager knows what it last said to a site (J4). Raises `NotDone`."""
    if not place.may_speak:
        raise NotDone(
            f"site {place.site} was not heard since this manager started, which may have been put back to a backup: "
            "start a node that has joined before, or let its link return, and try again"
        )
