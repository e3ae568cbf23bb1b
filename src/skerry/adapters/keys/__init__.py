"""Keys and certificates: one Ed25519 key is a node's signature and its TLS identity.

`ed25519.py` signs, verifies and knows the key's file form; `tls.py` names the three files of an identity, reads a
peer's name and makes Python's TLS contexts; `files.py` writes secrets; `x509.py` makes certificates and is the only
module here that imports `cryptography`: enrolment and the manager use it, a running agent never does (it costs 8
MiB).
"""
