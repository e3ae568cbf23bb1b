"""An operator's own word, signed with the key beside the certificate that they show (U4, X8)."""

from __future__ import annotations

from pathlib import Path

from skerry.cli.errors import Failed
from skerry.core.kernel.values import Value


def operators_word(identity: Path, site: str, body: Value) -> bytes:
    """An encoded statement for a node of a site. Raises `Failed`."""
    from skerry.adapters.keys.ed25519 import KeyFileError, NodeSigner, load_key
    from skerry.adapters.keys.tls import Kind, TlsFiles
    from skerry.adapters.keys.x509 import CertificateError, identity_in
    from skerry.core.conversation import kind_of
    from skerry.core.kernel.ids import LifeId
    from skerry.core.kernel.sealing import Statement, seal
    from skerry.core.kernel.values import encode

    files = TlsFiles.within(identity)
    try:
        who, _ = identity_in(files.certificate.read_bytes())
        signer = NodeSigner(load_key(files.key))
    except (OSError, KeyFileError, CertificateError) as error:
        raise Failed(f"{identity}: {error}") from error
    if who.kind is not Kind.OPERATOR:
        raise Failed(f"{identity}: this is the {who.kind} {who.name}, and only an operator's word counts here")
    statement = Statement(kind=kind_of(body), site=site, signer=who.name, life=LifeId("-"), number=0, body=encode(body))
    return encode(seal(signer, statement))
