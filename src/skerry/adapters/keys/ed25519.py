"""Ed25519 by libsodium: signing, verifying, and the key's PEM form (N6).

Rules: a seed is 32 random bytes and is the whole private key; it is never logged, and `repr` of a signer shows none
of it. The PEM is PKCS #8 (RFC 8410), whose frame for Ed25519 is constant, so that the agent reads the very file that
its TLS uses without loading an X.509 library.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey
from nacl.utils import random

from skerry.adapters.keys.files import write_secret

SEED_BYTES = 32
SIGNATURE_BYTES = 64

_FRAME = bytes.fromhex("302e020100300506032b657004220420")
"""PKCS #8, version 0, algorithm 1.3.101.112, an octet string of 32 bytes within one of 34: RFC 8410, section 7."""
_BEGIN = "-----BEGIN PRIVATE KEY-----"
_END = "-----END PRIVATE KEY-----"
_FILE_LIMIT_BYTES = 4096


class KeyFileError(Exception):
    """A key or certificate file cannot be used; says which, what was expected and what to do."""


def generate() -> bytes:
    """A new private key: 32 bytes from the system's random source."""
    return random(SEED_BYTES)


def public_key(seed: bytes) -> bytes:
    """The 32 bytes by which others verify what `seed` signs."""
    return bytes(SigningKey(seed).verify_key)


class NodeSigner:
    """Signs with one seed; a `core.kernel.sealing.Signer`. Deterministic: equal input, equal signature."""

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that belong in a roster."""
        return bytes(self._key.verify_key)

    def sign(self, statement: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self._key.sign(statement).signature


class NaclVerifier:
    """Checks Ed25519 signatures; a `core.kernel.sealing.Verifier`. Whatever is malformed is simply not valid."""

    def verify(self, public_key: bytes, statement: bytes, signature: bytes) -> bool:
        """Whether `signature` is `public_key`'s over `statement`."""
        if len(signature) != SIGNATURE_BYTES or len(public_key) != SEED_BYTES:
            return False
        try:
            VerifyKey(public_key).verify(statement, signature)
        except BadSignatureError:
            return False
        return True


def seed_to_pem(seed: bytes) -> bytes:
    """The key as an unencrypted PKCS #8 PEM, as OpenSSL and rustls read it."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"an Ed25519 seed has {SEED_BYTES} bytes, not {len(seed)}")
    return f"{_BEGIN}\n{base64.b64encode(_FRAME + seed).decode()}\n{_END}\n".encode()


def seed_from_pem(pem: bytes) -> bytes:
    """The seed in a PKCS #8 PEM. Raises `ValueError` on anything else than an unencrypted Ed25519 key."""
    try:
        lines = [line.strip() for line in pem.decode("ascii").splitlines() if line.strip()]
        if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
            raise ValueError
        raw = base64.b64decode("".join(lines[1:-1]), validate=True)
        if not raw.startswith(_FRAME) or len(raw) != len(_FRAME) + SEED_BYTES:
            raise ValueError
    except (ValueError, binascii.Error):
        raise ValueError("expected an unencrypted Ed25519 private key in PKCS #8 PEM form") from None
    return raw[len(_FRAME) :]


def save_key(path: Path, seed: bytes) -> None:
    """Write the key file, mode 0600, at once or not at all. Raises `OSError`."""
    write_secret(path, seed_to_pem(seed))


def load_key(path: Path) -> bytes:
    """The seed kept in `path`. Raises `KeyFileError`, also if others than the owner can read the file."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            pem = file.read(_FILE_LIMIT_BYTES)
    except OSError as error:
        raise KeyFileError(
            f"{path}: cannot read the private key ({error.strerror}); join the site again to make one"
        ) from error
    if mode & 0o077:
        raise KeyFileError(
            f"{path}: others may read this private key (mode {mode:04o}, expected 0600); "
            f"run `chmod 600 {path}` if you trust everybody who could, else join the site again"
        )
    try:
        return seed_from_pem(pem)
    except ValueError as error:
        raise KeyFileError(f"{path}: {error}; restore the file or join the site again") from error
