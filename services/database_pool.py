"""Connections to a database: what the driver's do in addition, and a pool that lends them in two ways."""

from typing import Any, cast

import asyncpg
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn


class Driver(asyncpg.Connection):
    """A connection that sends a statement along with BEGIN, at no round trip of its own.

    Only who writes begins a transaction; what is sent outside of one is READ ONLY.
    """

    with_begin = ""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:  # noqa: ASYNC109
        """Execute a statement; BEGIN becomes one of a transaction that writes."""
        if query.startswith("BEGIN"):
            query, self.with_begin = f"{query}SET TRANSACTION READ WRITE;{self.with_begin}", ""
        return await super().execute(query, *args, timeout=timeout)


def replace_if_closed(driver: AdaptedConnection, *_: object) -> None:
    """Raise DisconnectionError, which makes the pool connect anew, for a connection that is closed."""
    # What the server has closed, by a restart for instance, the driver knows already: asking the server each
    # time (pool_pre_ping) would be one more round trip to each transaction.
    if driver.driver_connection.is_closed():
        raise DisconnectionError


class Pool(AsyncAdaptedQueuePool):
    """A pool that also lends connections bare: who begins no transaction leaves none to be rolled back."""

    async def lend(self) -> ConnectionPoolEntry:
        """Return a connection that is open, to be taken back. Raises as any other connecting does."""
        # Whatever may have to wait does so in a greenlet, which takes longer to make than all else here.
        if self.checkedin():
            entry = self._do_get()
            if entry.dbapi_connection is not None and not _is_closed(entry):
                return entry
            self.take_back(entry)
        return await greenlet_spawn(self._connected)

    def _connected(self) -> ConnectionPoolEntry:
        entry: Any = self._do_get()
        try:
            if entry.dbapi_connection is not None and _is_closed(entry):
                entry.invalidate()
            entry.get_connection()
        except BaseException:
            self.take_back(entry)
            raise
        return cast("ConnectionPoolEntry", entry)

    def take_back(self, entry: ConnectionPoolEntry) -> None:
        """Take back what was lent."""
        self._do_return_conn(entry)


def _is_closed(entry: ConnectionPoolEntry) -> bool:
    return bool(cast("asyncpg.Connection", entry.driver_connection).is_closed())
