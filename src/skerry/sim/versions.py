"""What a member of a newer version would have said: the same, with something more that nobody here knows; and documents
of a kind that nobody here knows, which all keep for each other as they were signed."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from skerry.core.conversation import PeerMessage, kind_of
from skerry.core.group.custody.model import Later
from skerry.core.kernel.sealing import Sealed, Signer, Statement, seal
from skerry.core.kernel.values import decode, encode

OF_THE_MOMENT = frozenset(str(kind.__struct_config__.tag) for kind in get_args(PeerMessage))
"""Kinds that are said once, and kept by nobody."""
NEWS = "said by a newer version"


def newer_version(payload: bytes, signer: Signer) -> bytes:
    """The statement with one more field in its body, of a protocol one higher, signed anew."""
    statement = decode(decode(payload, Sealed).statement, Statement)
    if statement.kind not in OF_THE_MOMENT:
        return payload  # an entry or a document is what its author signed once, and stays so (N2)
    body: Any = msgspec.msgpack.decode(statement.body)
    if isinstance(body, dict):
        body[NEWS] = 1
    else:
        body.append(NEWS)
    said = msgspec.structs.replace(statement, protocol=statement.protocol + 1, body=msgspec.msgpack.encode(body))
    return encode(seal(signer, said))


def later_document(site: str, signer: Signer, node: str, version: int) -> bytes:
    """One that a member signs, and nobody here can read."""
    body = Later(place=0, version=version, kind="forecast", said=b"rain")
    statement = Statement(
        kind=kind_of(body), site=site, signer=node, life="-", number=version, protocol=2, body=encode(body)
    )
    return encode(seal(signer, statement))
