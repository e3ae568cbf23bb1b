"""What a member of a newer version would have said: the same, with something more that nobody here knows."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from skerry.core.conversation import PeerMessage
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
