"""A log as it is read, whatever keeps it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.evidence.entries import Openings
from services.evidence.log import Log
from services.evidence.merkle import CompactRange, Span


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it is kept, not verified."""

    size: int
    note: str
    key: str
    """The verifier key that goes with the note."""
    hashes: bytes
    """The compact range of the tree."""
    settled: int
    """Entries of transactions before this one were in the tree."""
    created_at: datetime | None = None

    def tree(self) -> CompactRange:
        """Return the tree that it is about; raises ValueError if there cannot be such a tree."""
        return CompactRange.from_bytes(self.size, self.hashes)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry about a subject, and its place in the tree if it has one."""

    id: UUID
    canonical: bytes
    openings: Openings
    number: int | None


class Ledger(Protocol):
    """A log inside one unit of work."""

    async def checkpoint(self, size: int | None = None) -> StoredCheckpoint | None:
        """Return the checkpoint of that size, or the newest one; None if there is none."""

    async def hashes(self, spans: Iterable[Span]) -> Mapping[Span, Sequence[bytes]]:
        """Return stored hashes of the tree; raises LookupError if one is missing."""

    async def number(self, entry_id: UUID) -> int | None:
        """Return an entry's place in the tree; None if it has none."""

    async def knows(self, entry_id: UUID) -> bool:
        """Return whether there is such an entry, in the tree or not yet."""

    async def about(self, subject: UUID) -> tuple[Sequence[StoredEntry], Mapping[str, str] | None]:
        """Return all entries about a subject, changes first and oldest first, and what it is now.

        What it is, by column, is `{"column": value}`; None if it is not there. Both are of one moment.
        """


class Ledgers(Protocol):
    """Where units of work on one log begin."""

    @property
    def log(self) -> Log:
        """What the log is."""

    def read(self) -> AbstractAsyncContextManager[Ledger]:
        """Open a unit of work, which only reads."""
