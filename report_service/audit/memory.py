"""The audit in memory: what PostgreSQL promises, without PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from report_service.audit.domain import AuditFilter, Entry


class MemoryAuditStores:
    """Opens units of work on a memory."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._entries: list[Entry] = []

    @asynccontextmanager
    async def read(self) -> AsyncIterator["MemoryAuditStore"]:
        """Open one that changes nothing."""
        yield MemoryAuditStore(list(self._entries))

    @asynccontextmanager
    async def write(self) -> AsyncIterator["MemoryAuditStore"]:
        """Open one that commits if its block ends well."""
        entries = list(self._entries)
        yield MemoryAuditStore(entries)
        self._entries = entries


class MemoryAuditStore:
    """The audit within one unit of work. See AuditStore for what each method promises."""

    def __init__(self, entries: list[Entry]) -> None:
        """Take the entries."""
        self._entries = entries

    async def add(self, entry: Entry) -> None:
        """See AuditStore."""
        self._entries.append(entry)

    async def page(self, wanted: AuditFilter, size: int, after: UUID | None) -> Sequence[Entry]:
        """See AuditStore."""
        found = (each for each in self._entries if after is None or each.id < after)
        return sorted(filter(wanted.admits, found), key=lambda each: each.id, reverse=True)[:size]
