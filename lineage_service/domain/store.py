"""What is kept, and how one gets at it."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from lineage_service.domain.accesses import Access, AccessFilter, AccessPage, Outcome
from lineage_service.domain.facts import Content, Lineage, Payload, Piece, Readings
from lineage_service.domain.keeping import Due, Hold, Keeping, Removed, Storage
from lineage_service.domain.search import LineageFilter, LineagePage, Order, Position


@dataclass(frozen=True)
class Usage:
    """What the context takes up."""

    records: int
    bytes: Mapping[str, int]
    """On disk, by kind of data; indexes and what is not yet vacuumed included."""


class KeepingStore(Protocol):
    """How long what is kept."""

    async def due(self, kind: Keeping, before: datetime) -> Due:
        """Count what was recorded before then and is still there."""

    async def expire(
        self, content: Content, before: datetime | None, lead_id: UUID | None, most: int
    ) -> list[Removed]:
        """Remove a content of at most so many lineages, the oldest; never what is held."""

    async def forget_details(self, before: datetime, most: int) -> int:
        """Erase what was asked for from at most so many entries of the audit; return of how many."""

    async def hold(self, hold: Hold) -> Hold:
        """Hold a lead unless it is held; return the hold that stands."""

    async def release(self, lead_id: UUID) -> Hold | None:
        """Release a lead; return the hold that stood."""

    async def held(self, lead_id: UUID) -> Hold | None:
        """Return the hold of a lead."""

    async def holds(self, most: int) -> list[Hold]:
        """Return holds, the latest first."""

    async def storage(self) -> Storage:
        """Measure what is kept, and for what."""


class LineageStore(KeepingStore, Protocol):
    """What is kept, inside one unit of work."""

    async def add_if_absent(self, lineage: Lineage, payload: Payload) -> Lineage:
        """Keep a lineage unless its report or its id is known; return what is kept: itself if new."""

    async def by_report(self, report_id: UUID) -> Lineage | None:
        """Find the lineage of a report."""

    async def by_id(self, lineage_id: UUID) -> Lineage | None:
        """Find a lineage."""

    async def by_pdf(self, sha256: bytes) -> Lineage | None:
        """Find the newest lineage of a PDF."""

    async def page(
        self, wanted: LineageFilter, size: int, after: Position | None, order: Order
    ) -> LineagePage:
        """Return at most `size` lineages behind `after`; the total is exact up to EXACT_TOTAL_LIMIT."""

    async def piece(self, lineage_id: UUID, content: Content, number: int) -> Piece | None:
        """Return one piece of a content, counted from 1."""

    async def piece_sha256(self, lineage_id: UUID, content: Content, number: int) -> bytes | None:
        """Return the digest that is stored beside one piece, without the piece."""

    async def note(self, access: Access) -> Readings:
        """Add an entry to the access audit; return the lineage's readings with this one."""

    async def conclude(self, access: Access, outcome: Outcome) -> None:
        """Add to the access audit how a reading ended."""

    async def accesses(
        self, wanted: AccessFilter, size: int, after: tuple[datetime, UUID] | None
    ) -> AccessPage:
        """Return at most `size` entries of the access audit behind `after`, newest first."""

    async def usage(self) -> Usage:
        """Measure what is kept."""

    async def reports(self, after: UUID | None, size: int) -> tuple[list[UUID], int]:
        """Return the next PDFs' reports that have a lineage, by their ids, and how many there are in all."""


class LineageStores(Protocol):
    """Opens units of work."""

    def read(self) -> AbstractAsyncContextManager[LineageStore]:
        """Open a unit of work that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[LineageStore]:
        """Open a unit of work that commits if its block ends well."""
