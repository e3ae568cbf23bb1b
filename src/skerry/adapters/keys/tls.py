"""Who a certificate speaks for, and TLS contexts that ask both ends for one (N3, N6).

A certificate's common name is the *group* that access rules are written for, since such rules compare it as a whole and
none may name a single node: `<site>` for the site's nodes, `<site>/operator`, `<site>/client`, and `/manager` and
`/operator` where it is for no one site. Its user id (UID) is the name within the group. A certificate only opens a
connection: who belongs is decided by the roster, so addresses may change and the host name is not compared.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from skerry.core.kernel.values import Value


class Kind(StrEnum):
    """What a certificate's owner is."""

    NODE = "node"
    OPERATOR = "operator"
    CLIENT = "client"
    MANAGER = "manager"


class Identity(Value, frozen=True, kw_only=True):
    """The name in a certificate."""

    kind: Kind
    site: str
    """Empty for a manager, and for an operator of all its sites."""
    name: str

    @property
    def common_name(self) -> str:
        """The group, as it stands in the certificate."""
        return self.site if self.kind is Kind.NODE else f"{self.site}/{self.kind}"


class TlsFiles(Value, frozen=True, kw_only=True):
    """The three PEM files of one identity."""

    authority: Path
    certificate: Path
    key: Path

    @staticmethod
    def within(folder: Path) -> TlsFiles:
        """The names that all of Skerry uses for them."""
        return TlsFiles(authority=folder / "ca.pem", certificate=folder / "cert.pem", key=folder / "key.pem")


def identity(common_name: str, name: str) -> Identity | None:
    """The identity that these two fields stand for; None if they are not of our form."""
    site, slash, kind = common_name.partition("/")
    if not name or (site and kind == Kind.MANAGER):
        return None
    if not slash:
        return Identity(kind=Kind.NODE, site=site, name=name) if site else None
    if kind not in ({Kind.OPERATOR, Kind.CLIENT} if site else {Kind.OPERATOR, Kind.MANAGER}):
        return None
    return Identity(kind=Kind(kind), site=site, name=name)


def peer_identity(certificate: Mapping[str, Any] | None) -> Identity | None:
    """Who is at the other end, from `ssl.SSLSocket.getpeercert()`; None without a certificate of our form."""
    if not certificate:
        return None
    fields = {key: value for part in certificate.get("subject", ()) for key, value in part}
    return identity(fields.get("commonName", ""), fields.get("userId", ""))


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Serve, and refuse who has no certificate of the authority. Raises `OSError` or `ssl.SSLError` on bad files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    return _mutual(context, files)


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Connect, and refuse a server without a certificate of the authority. Errors as `server_context`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return _mutual(context, files)


def _mutual(context: ssl.SSLContext, files: TlsFiles) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(files.authority)
    context.load_cert_chain(files.certificate, files.key)
    return context
