"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "kept",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("node", sa.String(63), nullable=True),
        sa.Column("expires_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("used_wall_ms", sa.BigInteger, nullable=True),
    )
    op.create_table(
        "manifests",
        sa.Column("kind", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(127), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("applied_wall_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Take them away."""
    for table in ("manifests", "tokens", "kept"):
        op.drop_table(table)
