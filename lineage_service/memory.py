"""Lineage in memory: for tests and trials, with the manners of the real store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from uuid import UUID

from lineage_service.domain import (
    Access,
    Content,
    Lineage,
    LineageStore,
    Payload,
    Piece,
    Readings,
    Usage,
)


@dataclass
class MemoryLineageStore:
    """Lineage in memory, inside one unit of work."""

    lineages: dict[UUID, Lineage] = field(default_factory=dict)
    pieces: dict[tuple[UUID, Content], tuple[Piece, ...]] = field(default_factory=dict)
    accesses: list[Access] = field(default_factory=list)

    async def add_if_absent(self, lineage: Lineage, payload: Payload) -> Lineage:
        """Keep a lineage unless its report or its id is known; return what is kept then."""
        facts = lineage.facts
        known = await self.by_report(facts.report_id) or await self.by_id(facts.lineage_id)
        if known is not None:
            return known
        self.lineages[facts.lineage_id] = lineage
        for content in Content:
            self.pieces[facts.lineage_id, content] = tuple([piece async for piece in payload.pieces(content)])
        return lineage

    async def by_report(self, report_id: UUID) -> Lineage | None:
        """Find the lineage of a report."""
        for lineage_id, lineage in self.lineages.items():
            if lineage.facts.report_id == report_id:
                return await self.by_id(lineage_id)
        return None

    async def by_id(self, lineage_id: UUID) -> Lineage | None:
        """Find a lineage."""
        lineage = self.lineages.get(lineage_id)
        return None if lineage is None else replace(lineage, readings=self._readings(lineage_id))

    async def piece(self, lineage_id: UUID, content: Content, number: int) -> Piece | None:
        """Return one piece of a content, counted from 1."""
        pieces = self.pieces.get((lineage_id, content), ())
        return pieces[number - 1] if 0 < number <= len(pieces) else None

    async def note(self, access: Access) -> Readings:
        """Add an entry to the access audit; return the readings with this one."""
        self.accesses.append(access)
        return self._readings(access.lineage_id)

    async def usage(self) -> Usage:
        """Measure what is kept."""
        kept = dict.fromkeys(Content, 0)
        for (_, content), pieces in self.pieces.items():
            kept[content] += sum(len(piece.content) for piece in pieces)
        return Usage(
            len(self.lineages),
            {"inputs": kept[Content.INPUTS], "logs": kept[Content.LOG], "records": 0, "accesses": 0},
        )

    def _readings(self, lineage_id: UUID) -> Readings:
        times = [access.at for access in self.accesses if access.lineage_id == lineage_id]
        return Readings(len(times), max(times, default=None))


class MemoryLineageStores:
    """Units of work on memory: one writer at a time, and nothing kept of a block that raises."""

    def __init__(self) -> None:
        """Begin empty."""
        self.kept = MemoryLineageStore()
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[LineageStore]:
        """Open a unit of work that changes nothing."""
        yield self._copy()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[LineageStore]:
        """Open a unit of work that is kept if its block ends well."""
        async with self._writing:
            store = self._copy()
            yield store
            self.kept = store

    def _copy(self) -> MemoryLineageStore:
        return MemoryLineageStore(copy(self.kept.lineages), copy(self.kept.pieces), copy(self.kept.accesses))
