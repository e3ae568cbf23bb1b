"""What a member of a newer version would have said: the same, with something more that nobody here knows."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.core.kernel.sealing import Sealed, Signer, Statement, seal
from skerry.core.kernel.values import decode, encode

NEWS = "said by a newer version"


def newer_version(payload: bytes, signer: Signer) -> bytes:
    """The statement with one more field in its body, of a protocol one higher, signed anew."""
    statement = decode(decode(payload, Sealed).statement, Statement)
    body: Any = msgspec.msgpack.decode(statement.body)
    if isinstance(body, dict):
        body[NEWS] = 1
    else:
        body.append(NEWS)
    said = msgspec.structs.replace(statement, protocol=statement.protocol + 1, body=msgspec.msgpack.encode(body))
    return encode(seal(signer, said))
