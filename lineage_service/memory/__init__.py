"""Lineage in memory: for tests and trials, with the manners of the real store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, fields, replace
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from lineage_service.domain import (
    Access,
    AccessFilter,
    AccessPage,
    Content,
    Entry,
    Lineage,
    LineageFilter,
    LineagePage,
    LineageStore,
    Order,
    Outcome,
    Payload,
    Piece,
    Position,
    Readings,
    Usage,
)
from lineage_service.memory.keeping import MemoryKeeping


@dataclass
class MemoryLineageStore(MemoryKeeping):
    """Lineage in memory, inside one unit of work."""

    async def add_if_absent(self, lineage: Lineage, payload: Payload) -> Lineage:
        """Keep a lineage unless its report or its id is known; return what is kept then."""
        facts = lineage.facts
        known = await self.by_report(facts.report_id) or await self.by_id(facts.lineage_id)
        if known is not None:
            return known
        self.lineages[facts.lineage_id] = lineage
        self.words[facts.lineage_id] = payload.log_words
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
        return None if lineage is None else self._shown(lineage)

    async def by_pdf(self, sha256: bytes) -> Lineage | None:
        """Find the newest lineage of a PDF."""
        found = await self.page(LineageFilter(pdf_sha256=sha256), 1, None, Order())
        return found.lineages[0] if found.lineages else None

    async def page(
        self, wanted: LineageFilter, size: int, after: Position | None, order: Order
    ) -> LineagePage:
        """Return at most `size` lineages behind `after`."""
        matching = sorted(
            (each for key, each in self.lineages.items() if wanted.admits(each, self.words[key])),
            key=_place,
            reverse=order.descending,
        )
        here = None if after is None else (after.recorded_at, after.lineage_id)
        behind = [
            self._shown(each)
            for each in matching
            if here is None or (_place(each) < here if order.descending else _place(each) > here)
        ]
        following = Position(*_place(behind[size - 1])) if len(behind) > size else None
        return LineagePage(tuple(behind[:size]), following, len(matching))

    async def piece(self, lineage_id: UUID, content: Content, number: int) -> Piece | None:
        """Return one piece of a content, counted from 1."""
        pieces = self.pieces.get((lineage_id, content), ())
        return pieces[number - 1] if 0 < number <= len(pieces) else None

    async def piece_sha256(self, lineage_id: UUID, content: Content, number: int) -> bytes | None:
        """Return the digest that is stored beside one piece, without the piece."""
        piece = await self.piece(lineage_id, content, number)
        return None if piece is None else piece.sha256

    async def note(self, access: Access) -> Readings:
        """Add an entry to the access audit; return the lineage's readings with this one."""
        self.noted.append(access)
        return Readings() if access.lineage_id is None else self._readings(access.lineage_id)

    async def conclude(self, access: Access, outcome: Outcome) -> None:
        """Add to the access audit how a reading ended."""
        self.outcomes[access.id] = outcome

    async def accesses(
        self, wanted: AccessFilter, size: int, after: tuple[datetime, UUID] | None
    ) -> AccessPage:
        """Return at most `size` entries of the access audit behind `after`, newest first."""
        matching = sorted((each for each in self.noted if wanted.admits(each)), key=_moment, reverse=True)
        behind = [each for each in matching if after is None or _moment(each) < after]
        entries = tuple(map(self._entry, behind[:size]))
        return AccessPage(entries, _moment(behind[size - 1]) if len(behind) > size else None)

    async def usage(self) -> Usage:
        """Measure what is kept."""
        kept = dict.fromkeys(Content, 0)
        for (_, content), pieces in self.pieces.items():
            kept[content] += sum(len(piece.content) for piece in pieces)
        sizes = {"inputs": kept[Content.INPUTS], "logs": kept[Content.LOG]}
        return Usage(len(self.lineages), sizes | dict.fromkeys(("words", "records", "accesses"), 0))

    async def reports(self, after: UUID | None, size: int) -> tuple[list[UUID], int]:
        """Return the next PDFs' reports that have a lineage, by their ids, and how many there are in all."""
        ids = sorted(each.facts.report_id for each in self.lineages.values() if each.facts.pdf_sha256)
        return [each for each in ids if after is None or each > after][:size], len(ids)

    def _shown(self, lineage: Lineage) -> Lineage:
        lineage_id = lineage.facts.lineage_id
        expired = {
            content: at for content in Content if (at := self.expiries.get((lineage_id, content))) is not None
        }
        return replace(lineage, readings=self._readings(lineage_id), expired=expired)

    def _readings(self, lineage_id: UUID) -> Readings:
        times = [each.at for each in self.noted if each.lineage_id == lineage_id and each.action.counts]
        return Readings(len(times), max(times, default=None))

    def _entry(self, access: Access) -> Entry:
        version = None
        if access.lineage_id is not None:
            chain = [each.id for each in self.noted if each.lineage_id == access.lineage_id]
            version = chain.index(access.id) + 1
        # What the real store digests is its own affair; here it only has to be of this entry.
        digest = sha256(repr(access).encode()).digest()
        return Entry(access, version, self.outcomes.get(access.id), digest)


def _place(lineage: Lineage) -> tuple[datetime, UUID]:
    return lineage.recorded_at, lineage.facts.lineage_id


def _moment(access: Access) -> tuple[datetime, UUID]:
    return access.at, access.id


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
        return MemoryLineageStore(*(copy(getattr(self.kept, each.name)) for each in fields(self.kept)))
