"""What a manager keeps. Every method is one transaction, durable on return."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import ColumnElement, Connection, delete, event, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from skerry.adapters.store.tables import KEPT, MANIFESTS, TOKENS
from skerry.core.kernel.effects import Persist, Put
from skerry.core.kernel.values import Value

TokenState = Literal["good", "unknown", "used", "expired", "other site", "other node"]


class StoreError(Exception):
    """The store could not be opened, read or written; says what, where and what to do."""


class Applied(Value, frozen=True, kw_only=True):
    """One manifest as it was applied."""

    kind: str
    name: str
    text: str


class Store:
    """One manager's store."""

    def __init__(self, url: str) -> None:
        """`url`: SQLAlchemy's, with an async driver, such as `sqlite+aiosqlite:////var/lib/skerry/manager.db`."""
        self._url = url
        self._engine: AsyncEngine | None = None

    async def open(self) -> None:
        """Bring the schema up to date. Raises `StoreError`; then nothing is left open."""
        try:
            engine = self._engine = create_async_engine(self._url)
            if engine.dialect.name == "sqlite":
                _for_the_owner_alone(engine.url.database)
                event.listen(engine.sync_engine, "connect", _durable)
            await self._bring_up_to_date(engine)
        except (SQLAlchemyError, CommandError, ImportError, OSError) as error:
            raise StoreError(
                f"{self._shown()}: the manager's store cannot be opened: {_reason(error)}; expected a database "
                "that this process may write, by an async driver, last used by this version or an older one"
            ) from error

    async def _bring_up_to_date(self, engine: AsyncEngine) -> None:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_migrate)
        except BaseException:  # whoever could not open does not close either, also if it was interrupted
            await self.close()
            raise

    async def close(self) -> None:
        """Let go."""
        if self._engine is not None:
            await self._engine.dispose()

    def _shown(self) -> str:
        """The URL without what stands between `//` and `@`: a password may be in it."""
        before, at, after = self._url.rpartition("@")
        return f"{before.partition('//')[0]}//...@{after}" if at else self._url

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """All that is done in it, or nothing. Raises `StoreError`."""
        assert self._engine is not None, "the store is opened first"
        try:
            async with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(
                f"{self._shown()}: nothing was kept: {_reason(error)}; is the disk full, or the database away?"
            ) from error

    # --- sites ----------------------------------------------------------------------------------------------------

    async def sites(self) -> dict[str, dict[str, bytes]]:
        """Of every site what is kept. Raises `StoreError`, as all of these do."""
        found: dict[str, dict[str, bytes]] = {}
        async with self._transaction() as connection:
            for row in await connection.execute(select(KEPT)):
                found.setdefault(row.site, {})[row.key] = row.value
        return found

    async def site_names(self) -> list[str]:
        """All sites of which something is kept, in order."""
        async with self._transaction() as connection:
            rows = await connection.execute(select(KEPT.c.site).distinct().order_by(KEPT.c.site))
            return [row.site for row in rows]

    async def site(self, name: str) -> dict[str, bytes]:
        """Of one site what is kept."""
        async with self._transaction() as connection:
            rows = await connection.execute(select(KEPT).where(KEPT.c.site == name))
            return {row.key: row.value for row in rows}

    async def commit(
        self,
        changes: Mapping[str, Iterable[Persist]],
        manifests: Iterable[Applied],
        wall_ms: int,
        *,
        forgotten: Iterable[tuple[str, str]] = (),
        token: str | None = None,
    ) -> None:
        """Everything that one act changes, at once: what sites keep, manifests applied and `forgotten` (kind, name),
        and the `token` (its hash) that it uses up. Raises `StoreError`, also if that was used already; then nothing
        of it is kept."""
        async with self._transaction() as connection:
            for site, persists in changes.items():
                for change in persists:
                    await _apply(connection, site, change)
            for kind, name in forgotten:
                await connection.execute(delete(MANIFESTS).where(*_manifest(kind, name)))
            for applied in manifests:
                await connection.execute(delete(MANIFESTS).where(*_manifest(applied.kind, applied.name)))
                row = {"kind": applied.kind, "name": applied.name, "text": applied.text, "applied_wall_ms": wall_ms}
                await connection.execute(MANIFESTS.insert().values(**row))
            if token is not None:
                unused = (TOKENS.c.hash == token, TOKENS.c.used_wall_ms.is_(None))
                done = await connection.execute(update(TOKENS).where(*unused).values(used_wall_ms=wall_ms))
                if done.rowcount != 1:
                    raise StoreError("nothing was kept: the token was used already; ask for a new one")

    async def manifests(self) -> list[Applied]:
        """All that was applied and not deleted."""
        async with self._transaction() as connection:
            rows = await connection.execute(select(MANIFESTS).order_by(MANIFESTS.c.kind, MANIFESTS.c.name))
            return [Applied(kind=row.kind, name=row.name, text=row.text) for row in rows]

    # --- tokens ---------------------------------------------------------------------------------------------------

    async def add_token(self, hash_: str, site: str, node: str | None, expires_wall_ms: int) -> None:
        """Keep a new token's hash."""
        row = {"hash": hash_, "site": site, "node": node, "expires_wall_ms": expires_wall_ms}
        async with self._transaction() as connection:
            await connection.execute(TOKENS.insert().values(**row))

    async def token_state(self, hash_: str, site: str, node: str, wall_ms: int) -> TokenState:
        """What a token is worth to this node of this site."""
        async with self._transaction() as connection:
            row = (await connection.execute(select(TOKENS).where(TOKENS.c.hash == hash_))).first()
        if row is None:
            return "unknown"
        if row.used_wall_ms is not None:
            return "used"
        if row.expires_wall_ms <= wall_ms:
            return "expired"
        if row.site != site:
            return "other site"
        return "good" if row.node in (None, node) else "other node"


async def _apply(connection: AsyncConnection, site: str, change: Persist) -> None:
    await connection.execute(delete(KEPT).where(KEPT.c.site == site, KEPT.c.key == change.key))
    if isinstance(change, Put):
        await connection.execute(KEPT.insert().values(site=site, key=change.key, value=change.value))


def _manifest(kind: str, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return MANIFESTS.c.kind == kind, MANIFESTS.c.name == name


def _reason(error: Exception) -> str:
    """What the driver said, without the statement and the links that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _for_the_owner_alone(database: str | None) -> None:
    """Make a new SQLite file such that nobody else can read the tokens in it. Raises `OSError`."""
    if database:
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _durable(connection: object, _record: object) -> None:
    """SQLite: what was acknowledged survives a power cut (J3)."""
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DB-API connection, for which there is no base type
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
