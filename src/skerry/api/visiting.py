"""How a manager becomes a guest at another's site, and ceases to be one (D25).

Nothing of it is a secret. A manager shows its card; the home manager's operator admits it by that, which is a roster;
the answer is an invitation, by which the guest's operator lets it know the site. What both sides believe of each other
stands in the roster, signed by the home manager: the operators see to it that the papers are not changed on their way.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from skerry.adapters.keys.x509 import Authority
from skerry.adapters.zenoh.keys import is_name
from skerry.api.correspondence import Correspondence
from skerry.api.refusing import NotDone
from skerry.core.conversation import document_of, key_in, open_sealed
from skerry.core.group.custody.model import Kept
from skerry.core.kernel.ids import ManagerId
from skerry.core.kernel.sealing import Sealed, Statement, Verifier
from skerry.core.kernel.values import Value, decode, encode
from skerry.core.stages.ir.model import Guest, Roster, SiteDocument

GUESTS_MAX = 16
KEY_BYTES = 32
AUTHORITY_CHARACTERS_MAX = 8 * 1024
DOCUMENTS_MAX = 8
_ENDPOINT = re.compile(r"tls/[^#?\s]{1,300}:\d{1,5}")


class Card(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a manager shows of itself."""

    name: str
    public_key: bytes
    authority: str
    """The certificate of its authority, PEM."""
    uplink: str
    """Where nodes reach it: `tls/<host>:<port>`."""


class Invitation(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a guest gets of a site that it was admitted to."""

    site: str
    home: str
    """The home manager's name."""
    authority: str
    """The certificate of whoever vouches for the site's nodes, PEM."""
    documents: tuple[bytes, ...]
    """The newest roster and the site's settings, as they were signed."""


P = TypeVar("P", Card, Invitation)


def paper(raw: bytes, kind: type[P]) -> P:
    """What an operator hands in. Raises `NotDone`."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise NotDone(f"this is no {kind.__name__.lower()}: {error}", 400) from error


class Visiting:
    """One manager's desk for guests, and for its own visits."""

    def __init__(
        self,
        correspondence: Correspondence,
        authority: Authority,
        public_key: bytes,
        verifier: Verifier,
        uplink: str,
    ) -> None:
        """`uplink` is the endpoint that nodes are told."""
        self._correspondence = correspondence
        self._verifier = verifier
        self._authority_pem = authority.certificate_pem.decode()
        self._public_key = public_key
        self._uplink = uplink

    def card(self) -> Card:
        """What the operators of a home manager are shown."""
        return Card(
            name=self._correspondence.name,
            public_key=self._public_key,
            authority=self._authority_pem,
            uplink=self._uplink,
        )

    # --- at home --------------------------------------------------------------------------------------------------

    async def admit(self, site: str, card: Card) -> Invitation:
        """Let a manager own intents at a site, or say anew where it is; last in precedence if it is new. Raises
        `NotDone`, `StoreError`."""
        async with self._correspondence.acting():
            place = self._correspondence.at_home(site)
            _check_card(card, place.roster())
            guest = Guest(
                name=ManagerId(card.name), public_key=card.public_key, authority=card.authority, uplink=card.uplink
            )
            following = place.next_roster(guests=_with(place.roster().guests, guest))
            if following.guests != place.roster().guests:
                await self._correspondence.say({site: (following,)})
            told = [place.held_roster(), *(k for k in place.own_documents() if isinstance(k.value, SiteDocument))]
            return Invitation(
                site=site,
                home=self._correspondence.name,
                authority=self._authority_pem,
                documents=tuple(encode(kept.sealed) for kept in told),
            )

    async def dismiss(self, site: str, name: str) -> None:
        """Let a guest go: what it wants here counts as withdrawn. Raises `NotDone`, `StoreError`."""
        async with self._correspondence.acting():
            place = self._correspondence.at_home(site)
            guest = place.roster().guest(name)
            if guest is None or guest.dismissed:
                raise NotDone(f"there is no guest {name!r} at site {site!r}", 404)
            gone = msgspec.structs.replace(guest, dismissed=True)
            await self._correspondence.say({site: (place.next_roster(guests=_with(place.roster().guests, gone)),)})

    # --- as a guest -----------------------------------------------------------------------------------------------

    async def visit(self, invitation: Invitation) -> None:
        """Know a site from now on, and let its nodes in. Raises `NotDone`, `StoreError`, `TransportError`."""
        async with self._correspondence.acting():
            me, sites = self._correspondence.name, self._correspondence.sites
            if invitation.site in sites and sites[invitation.site].roster().manager != invitation.home:
                raise NotDone(f"site {invitation.site!r} is known here already, and {invitation.home} is not its home")
            _check_authority(invitation.authority)
            told, roster = self._told(invitation)
            guest = roster.guest(me)
            if guest is None or guest.dismissed or guest.public_key != self._public_key:
                raise NotDone(f"this invitation is for another manager: it does not name {me} with the key that it has")
            if invitation.site not in sites:
                await self._correspondence.visit(invitation.site, told, invitation.authority)

    def _told(self, invitation: Invitation) -> tuple[list[Kept], Roster]:
        if len(invitation.documents) > DOCUMENTS_MAX:
            raise NotDone(f"an invitation has at most {DOCUMENTS_MAX} documents", 400)
        try:
            sealed = [decode(raw, Sealed) for raw in invitation.documents]
            said = [decode(one.statement, Statement) for one in sealed]
            (roster,) = [decode(one.body, Roster) for one in said if one.kind == "roster"]
            opened = [open_sealed(one, invitation.site, lambda s: key_in(roster, s), self._verifier) for one in sealed]
            told = [document_of(one, roster) for one in opened]
        except (ValueError, msgspec.DecodeError) as error:  # `Refused` is a ValueError, as is not exactly one roster
            raise NotDone(f"this invitation cannot be believed: {error}", 400) from error
        if (roster.site, roster.manager) != (invitation.site, invitation.home):
            raise NotDone(f"this invitation's roster is of site {roster.site!r} and manager {roster.manager!r}", 400)
        return told, roster


def _with(guests: Sequence[Guest], guest: Guest) -> tuple[Guest, ...]:
    """The same with this one in its place, or last."""
    if all(known.name != guest.name for known in guests):
        return (*guests, guest)
    return tuple(guest if known.name == guest.name else known for known in guests)


def _check_card(card: Card, roster: Roster) -> None:
    if not is_name(card.name):
        raise NotDone(f"{card.name[:80]!r}: expected 1 to 63 letters, digits, '.', '_' or '-'", 400)
    if len(card.public_key) != KEY_BYTES or _ENDPOINT.fullmatch(card.uplink) is None:
        raise NotDone(f"{card.name}: expected a key of {KEY_BYTES} bytes and an uplink as tls/HOST:PORT", 400)
    _check_authority(card.authority)
    known = roster.guest(card.name)
    if known is not None and known.public_key != card.public_key:
        raise NotDone(f"{card.name} has been a guest here with another key, and a name is given once")
    taken = {roster.manager, *roster.members, *roster.former, *roster.operators}
    if card.name in taken:
        raise NotDone(f"{card.name} is the name of somebody else at site {roster.site}: a manager needs one of its own")
    if known is None and len(roster.guests) >= GUESTS_MAX:
        raise NotDone(f"site {roster.site} has had {GUESTS_MAX} guests, and no more are taken")


def _check_authority(pem: str) -> None:
    """Raises `NotDone` for what no connection could be made with."""
    try:
        if len(pem) > AUTHORITY_CHARACTERS_MAX:
            raise ValueError(f"more than {AUTHORITY_CHARACTERS_MAX} characters")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ValueError, ssl.SSLError) as error:
        raise NotDone(f"its authority's certificate cannot be read: {error}", 400) from error
