"""Signing, verifying, and the key's file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from skerry.adapters.keys import ed25519
from skerry.adapters.keys.ed25519 import KeyFileError, NaclVerifier, NodeSigner
from skerry.core.kernel.sealing import Statement, seal

RFC_8032_SEED = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
RFC_8032_PUBLIC = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
RFC_8032_SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)


def test_signatures_are_those_of_the_standard() -> None:
    signer = NodeSigner(RFC_8032_SEED)
    assert signer.public_key == ed25519.public_key(RFC_8032_SEED) == RFC_8032_PUBLIC
    assert signer.sign(b"\xaf\x82") == RFC_8032_SIGNATURE
    assert NaclVerifier().verify(RFC_8032_PUBLIC, b"\xaf\x82", RFC_8032_SIGNATURE)


def test_a_sealed_statement_verifies_and_any_changed_byte_of_it_does_not() -> None:
    signer = NodeSigner(ed25519.generate())
    sealed = seal(signer, Statement(kind="K", site="s", signer="n1", life="l", number=1, body=b"body"))
    verifier = NaclVerifier()
    assert verifier.verify(signer.public_key, sealed.statement, sealed.signature)
    for place in range(len(sealed.statement)):
        changed = bytearray(sealed.statement)
        changed[place] ^= 1
        assert not verifier.verify(signer.public_key, bytes(changed), sealed.signature)
    assert not verifier.verify(ed25519.public_key(ed25519.generate()), sealed.statement, sealed.signature)


@pytest.mark.parametrize("length", [0, 1, 31, 33, 63, 65])
def test_keys_and_signatures_of_a_wrong_length_are_not_valid(length: int) -> None:
    assert not NaclVerifier().verify(bytes(length), b"x", RFC_8032_SIGNATURE)
    assert not NaclVerifier().verify(RFC_8032_PUBLIC, b"x", bytes(length))


def test_the_key_file_is_what_other_software_reads_and_writes(tmp_path: Path) -> None:
    seed = ed25519.generate()
    ed25519.save_key(tmp_path / "key.pem", seed)
    theirs = load_pem_private_key((tmp_path / "key.pem").read_bytes(), password=None)
    assert isinstance(theirs, Ed25519PrivateKey)
    assert theirs.private_bytes_raw() == seed == ed25519.load_key(tmp_path / "key.pem")
    assert ed25519.seed_from_pem(theirs.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())) == seed


def test_a_key_file_is_for_its_owner_alone_whatever_the_umask_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    before = os.umask(0)
    try:
        ed25519.save_key(path, ed25519.generate())
        newer = ed25519.generate()
        ed25519.save_key(path, newer)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert ed25519.load_key(path) == newer
    assert [entry.name for entry in tmp_path.iterdir()] == ["key.pem"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    ed25519.save_key(path, ed25519.generate())
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match=r"others may read this private key \(mode 0640, expected 0600\)"):
        ed25519.load_key(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"key\.pem: expected an unencrypted Ed25519 private key"):
        ed25519.load_key(path)
    with pytest.raises(KeyFileError, match=r"missing\.pem: cannot read the private key"):
        ed25519.load_key(tmp_path / "missing.pem")


def test_what_an_agent_imports_leaves_the_x509_library_out() -> None:
    modules = "skerry.adapters.keys.ed25519, skerry.adapters.keys.tls, skerry.adapters.zenoh.fabric"
    code = f"import sys, {modules}, skerry.adapters.zenoh.uplink; print('cryptography' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=30, check=True)
    assert ran.stdout == b"False\n"
