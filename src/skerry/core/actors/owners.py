"""Whose a document is, among the managers of a site: what a manager is told, and what it takes (D25).

Everything goes to the home manager but what guests own; to a guest what it owns, and what it cannot do without: who
belongs, the site's settings, the plan.
"""

from __future__ import annotations

from skerry.core.group.custody.model import Kept
from skerry.core.kernel.ids import ManagerId
from skerry.core.kernel.sealing import body_digest
from skerry.core.stages.ir.model import Roster, owns

FOR_ALL = ("roster", "site", "plan")


def concerns_manager(name: str, manager: ManagerId, home: ManagerId) -> bool:
    """Whether a manager of a site is told of the document of this name."""
    kind, _, rest = name.partition("/")
    if kind in FOR_ALL:
        return True
    if kind in ("intent", "verdict"):
        return owns(manager, rest)
    return manager == home or (kind == "hold" and owns(manager, rest.removeprefix("pause/")))


def follows(offered: Roster, held: Kept) -> bool:
    """Whether a roster is the successor of the one that is held, as it was signed (N4)."""
    return offered.version == held.value.version + 1 and offered.predecessor == body_digest(held.sealed)
