"""Stand-ins for signatures, behind `kernel.sealing`'s protocols: quick, and as hard to forge as the world's adversary
is honest about what it knows (it never asks for another's secret).

A public key is the hash of a secret; a signature is a keyed hash under that secret. The verifier may look secrets up:
it is the referee, not a player.
"""

from __future__ import annotations

from hashlib import blake2b

from skerry.core.kernel.sealing import Signer, Verifier


class StandInSigner(Signer):
    """One party's key, from its name and the world's seed."""

    def __init__(self, name: str, seed: int) -> None:
        self.secret = blake2b(f"{seed}/{name}".encode(), digest_size=32).digest()
        self.public_key = blake2b(self.secret, digest_size=32).digest()

    def sign(self, statement: bytes) -> bytes:
        """The keyed hash of the statement."""
        return blake2b(statement, key=self.secret, digest_size=16).digest()


class StandInVerifier(Verifier):
    """Knows every party's secret, to compare."""

    def __init__(self, signers: list[StandInSigner]) -> None:
        self._secrets = {signer.public_key: signer.secret for signer in signers}

    def learn(self, signer: StandInSigner) -> None:
        """One more party."""
        self._secrets[signer.public_key] = signer.secret

    def verify(self, public_key: bytes, statement: bytes, signature: bytes) -> bool:
        """Whether it is this key's."""
        secret = self._secrets.get(public_key)
        return secret is not None and blake2b(statement, key=secret, digest_size=16).digest() == signature
