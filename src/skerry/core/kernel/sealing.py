"""Signed statements: what is signed is bytes, with kind, site and signer in front (N1, N2, N6).

The bytes received are verified, stored and forwarded as they came, never encoded again. Signing is a pure function of
key and bytes (Ed25519 is deterministic), so the core may sign; keys and curves live behind `Signer` and `Verifier`,
for which the simulator has stand-ins.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from skerry.core.kernel.values import Value, Whole, decode, digest, encode

B = TypeVar("B")


class Sealed(Value, frozen=True, kw_only=True, array_like=True):
    """A statement as it travels: the signed bytes and the signature over them."""

    statement: bytes
    """An encoded `Statement`."""
    signature: bytes


class Statement(Value, frozen=True, kw_only=True, array_like=True):
    """What a signature covers. Without the fields' names, since a site at rest says little else."""

    kind: str
    """The tag of the body's type."""
    site: str
    signer: str
    """A node of the roster, a manager, or an operator."""
    life: str
    number: Whole
    """Grows within one life of the signer."""
    protocol: int = 1
    body: bytes
    """The encoded body."""


class Verified(Value, Generic[B], frozen=True, kw_only=True):
    """A statement whose signature was checked against the roster, with its body decoded."""

    statement: Statement
    body: B
    sealed: Sealed


class Signer(Protocol):
    """One node's or manager's own key. Pure: equal input gives an equal signature."""

    def sign(self, statement: bytes) -> bytes:
        """The signature over `statement`."""
        ...


class Verifier(Protocol):
    """Checks signatures. Pure."""

    def verify(self, public_key: bytes, statement: bytes, signature: bytes) -> bool:
        """Whether `signature` is `public_key`'s over `statement`."""
        ...


def seal(signer: Signer, statement: Statement) -> Sealed:
    """Sign an encoded `Statement`."""
    raw = encode(statement)
    return Sealed(statement=raw, signature=signer.sign(raw))


def body_digest(sealed: Sealed) -> str:
    """Of a statement's body as it was signed, so that a version that knows more fields, or fewer, finds the same (N2).
    Raises `DecodeError`."""
    return digest(decode(sealed.statement, Statement).body)
