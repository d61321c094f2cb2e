"""Units of work on a log, in a service's own database. Apart from `store`, which the verifier needs, too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.database import Database, driver_connection
from services.evidence.log import Log
from services.evidence.store import LogStore


class LogStores:
    """Where units of work on one log begin that only read. See Ledgers."""

    def __init__(self, database: Database, log: Log) -> None:
        """Take the database and what the log is."""
        self._database = database
        self.log = log

    @asynccontextmanager
    async def read(self) -> AsyncIterator[LogStore]:
        """Open a unit of work."""
        async with self._database.read() as session:
            yield LogStore(await driver_connection(session), self.log)
