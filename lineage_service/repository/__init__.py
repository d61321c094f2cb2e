"""PostgreSQL: every statement of this context."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lineage_service.domain import (
    EXACT_TOTAL_LIMIT,
    Access,
    AccessFilter,
    AccessPage,
    Content,
    Facts,
    Lineage,
    LineageFilter,
    LineagePage,
    Order,
    Outcome,
    Payload,
    Piece,
    Position,
    Readings,
    Usage,
)
from lineage_service.repository import accesses, pages, rows
from lineage_service.repository.keeping import KeepingStatements
from lineage_service.tables import (
    lineage_accesses,
    lineage_log_words,
    lineage_logs,
    lineage_parts,
    lineage_records,
)
from services.plans import estimated_rows

PIECES = {Content.INPUTS: lineage_parts, Content.LOG: lineage_logs}
KINDS = {
    "inputs": lineage_parts,
    "logs": lineage_logs,
    "words": lineage_log_words,
    "records": lineage_records,
    "accesses": lineage_accesses,
}


class PostgresLineageStore(KeepingStatements):
    """Lineage in PostgreSQL, inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take the session whose transaction this is."""
        self._session = session

    async def add_if_absent(self, lineage: Lineage, payload: Payload) -> Lineage:
        """Keep a lineage unless its report or its id is known; return what is kept then.

        The unique indexes decide who is first, also between calls that run at once: the others wait
        here until the first has committed, then find its record.
        """
        added = await self._session.scalar(
            insert(lineage_records)
            .values(rows.values(lineage))
            .on_conflict_do_nothing()
            .returning(lineage_records.c.lineage_id)
        )
        if added is None:
            return await self._known(lineage.facts)
        for content, table in PIECES.items():
            number = 0
            async for piece in payload.pieces(content):
                number += 1
                await self._session.execute(
                    insert(table).values(
                        lineage_id=lineage.facts.lineage_id,
                        number=number,
                        content=piece.content,
                        sha256=piece.sha256,
                    )
                )
        await self._session.execute(
            insert(lineage_log_words).values(
                lineage_id=lineage.facts.lineage_id,
                created_at=lineage.recorded_at,
                words=pages.vector(payload.log_words),
            )
        )
        return lineage

    async def by_report(self, report_id: UUID) -> Lineage | None:
        """Find the lineage of a report."""
        return await self._one(rows.lineages().where(lineage_records.c.report_generation_id == report_id))

    async def by_id(self, lineage_id: UUID) -> Lineage | None:
        """Find a lineage."""
        return await self._one(rows.lineages().where(lineage_records.c.lineage_id == lineage_id))

    async def by_pdf(self, sha256: bytes) -> Lineage | None:
        """Find the newest lineage of a PDF."""
        records = lineage_records.c
        newest = rows.lineages().where(records.pdf_sha256 == sha256).order_by(records.created_at.desc())
        return await self._one(newest.limit(1))

    async def page(
        self, wanted: LineageFilter, size: int, after: Position | None, order: Order
    ) -> LineagePage:
        """Return at most `size` lineages behind `after`; the total is exact up to EXACT_TOTAL_LIMIT.

        A page costs the same at any depth: the index is entered at the position.
        """
        found = (await self._session.execute(pages.page_of_rows(wanted, size + 1, after, order))).all()
        lineages = tuple(map(rows.lineage, found[:size]))
        following = None
        if len(found) > size:
            following = Position(lineages[-1].recorded_at, lineages[-1].facts.lineage_id)
        return LineagePage(lineages, following, await self._total(wanted))

    async def piece(self, lineage_id: UUID, content: Content, number: int) -> Piece | None:
        """Return one piece of a content, counted from 1."""
        table = PIECES[content]
        row = (
            await self._session.execute(
                select(table.c.content, table.c.sha256).where(
                    table.c.lineage_id == lineage_id, table.c.number == number
                )
            )
        ).one_or_none()
        return None if row is None else Piece(row.content, row.sha256)

    async def piece_sha256(self, lineage_id: UUID, content: Content, number: int) -> bytes | None:
        """Return the digest that is stored beside one piece, without the piece."""
        table = PIECES[content]
        found: bytes | None = await self._session.scalar(
            select(table.c.sha256).where(table.c.lineage_id == lineage_id, table.c.number == number)
        )
        return found

    async def note(self, access: Access) -> Readings:
        """Add an entry to the access audit; return the lineage's readings with this one.

        A trigger counts it, and links it to the entry before.
        """
        entries = lineage_accesses.c
        added = insert(lineage_accesses).values(accesses.values(access))
        row = (
            await self._session.execute(added.returning(entries.access_count, entries.last_accessed_at))
        ).one()
        return Readings(row.access_count or 0, row.last_accessed_at)

    async def conclude(self, access: Access, outcome: Outcome) -> None:
        """Add to the access audit how a reading ended."""
        await self._session.execute(insert(lineage_accesses).values(accesses.outcome_values(access, outcome)))

    async def accesses(
        self, wanted: AccessFilter, size: int, after: tuple[datetime, UUID] | None
    ) -> AccessPage:
        """Return at most `size` entries of the access audit behind `after`, newest first."""
        rows = (await self._session.execute(accesses.page_of_rows(wanted, size + 1, after))).all()
        entries = tuple(map(accesses.entry, rows[:size]))
        following = (entries[-1].access.at, entries[-1].access.id) if len(rows) > size else None
        return AccessPage(entries, following)

    async def usage(self) -> Usage:
        """Measure what is kept: bytes from the file system, so that the size costs nothing to ask."""
        row = (
            await self._session.execute(
                select(
                    select(func.count()).select_from(lineage_records).scalar_subquery().label("count"),
                    *(
                        func.pg_total_relation_size(literal_column(f"'{table.name}'::regclass")).label(kind)
                        for kind, table in KINDS.items()
                    ),
                )
            )
        ).one()
        return Usage(row[0], dict(zip(KINDS, row[1:], strict=True)))

    async def reports(self, after: UUID | None, size: int) -> tuple[list[UUID], int]:
        """Return the next PDFs' reports that have a lineage, by their ids, and how many there are in all."""
        report_id = lineage_records.c.report_generation_id
        has_pdf = lineage_records.c.pdf_sha256 != b""
        following = select(report_id).where(has_pdf).order_by(report_id).limit(size)
        if after is not None:
            following = following.where(report_id > after)
        total = await self._session.scalar(select(func.count()).where(has_pdf))
        return list(await self._session.scalars(following)), int(total or 0)

    async def _known(self, facts: Facts) -> Lineage:
        """Return what stands in the way of these facts: the report's lineage, else the id's."""
        records = lineage_records.c
        found = await self._session.execute(
            rows.lineages()
            .where(
                or_(
                    records.report_generation_id == facts.report_id,
                    records.lineage_id == facts.lineage_id,
                )
            )
            .order_by((records.report_generation_id == facts.report_id).desc())
            .limit(1)
        )
        return rows.lineage(found.one())

    async def _total(self, wanted: LineageFilter) -> int:
        # Words that are in many logs are not counted at all: nothing but the logs themselves says which have
        # them.
        if wanted.words and (guess := await self._estimated(wanted)) > EXACT_TOTAL_LIMIT:
            return guess
        counted = int(await self._session.scalar(pages.counted(wanted, EXACT_TOTAL_LIMIT + 1)) or 0)
        return counted if counted <= EXACT_TOTAL_LIMIT else max(counted, await self._estimated(wanted))

    async def _estimated(self, wanted: LineageFilter) -> int:
        return await estimated_rows(self._session, pages.matching(wanted))

    async def _one(self, query: Select[Any]) -> Lineage | None:
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else rows.lineage(row)
