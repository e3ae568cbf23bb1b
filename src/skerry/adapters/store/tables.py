"""The tables. What a site's state consists of is the core's affair: here it is keys and bytes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

KEPT = Table(
    "kept",
    METADATA,
    Column("site", String(63), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
"""Per site what `core.actors.manager` wants kept."""

TOKENS = Table(
    "tokens",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("site", String(63), nullable=False),
    Column("node", String(63), nullable=True),
    Column("expires_wall_ms", BigInteger, nullable=False),
    Column("used_wall_ms", BigInteger, nullable=True),
)
"""Join tokens, hashed: whoever reads the store cannot join with them."""

MANIFESTS = Table(
    "manifests",
    METADATA,
    Column("kind", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("text", Text, nullable=False),
    Column("applied_wall_ms", BigInteger, nullable=False),
)
"""What operators applied, as YAML."""
