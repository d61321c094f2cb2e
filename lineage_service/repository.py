"""PostgreSQL: every statement of this context."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lineage_service.domain import (
    Access,
    Content,
    Facts,
    Lineage,
    Part,
    Payload,
    Piece,
    Readings,
    Usage,
)
from lineage_service.tables import (
    lineage_access_counts,
    lineage_accesses,
    lineage_logs,
    lineage_parts,
    lineage_records,
)

PIECES = {Content.INPUTS: lineage_parts, Content.LOG: lineage_logs}
KINDS = {
    "inputs": lineage_parts,
    "logs": lineage_logs,
    "records": lineage_records,
    "accesses": lineage_accesses,
}


class PostgresLineageStore:
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
            .values(_values(lineage))
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
        return lineage

    async def by_report(self, report_id: UUID) -> Lineage | None:
        """Find the lineage of a report."""
        return await self._one(_lineages().where(lineage_records.c.report_generation_id == report_id))

    async def by_id(self, lineage_id: UUID) -> Lineage | None:
        """Find a lineage."""
        return await self._one(_lineages().where(lineage_records.c.lineage_id == lineage_id))

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

    async def note(self, access: Access) -> Readings:
        """Add an entry to the access audit and count it, in one statement."""
        entry = insert(lineage_accesses).values(
            id=access.id,
            lineage_id=access.lineage_id,
            report_generation_id=access.report_id,
            action=access.action.value,
            part=access.part,
            subject=access.reader.subject,
            workload=access.reader.workload,
            ip=access.reader.ip,
            user_agent=access.reader.user_agent,
            request_id=access.reader.request_id,
            method=access.reader.method,
            created_at=access.at,
        )
        counts = insert(lineage_access_counts).values(
            lineage_id=access.lineage_id, access_count=1, last_accessed_at=access.at
        )
        row = (
            await self._session.execute(
                counts.on_conflict_do_update(
                    index_elements=["lineage_id"],
                    set_={
                        "access_count": lineage_access_counts.c.access_count + 1,
                        "last_accessed_at": func.greatest(
                            lineage_access_counts.c.last_accessed_at, counts.excluded.last_accessed_at
                        ),
                    },
                )
                .returning(lineage_access_counts.c.access_count, lineage_access_counts.c.last_accessed_at)
                .add_cte(entry.cte("entry"))
            )
        ).one()
        return Readings(row.access_count, row.last_accessed_at)

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

    async def _known(self, facts: Facts) -> Lineage:
        """Return what stands in the way of these facts: the report's lineage, else the id's."""
        records = lineage_records.c
        found = await self._session.execute(
            _lineages()
            .where(
                or_(
                    records.report_generation_id == facts.report_id,
                    records.lineage_id == facts.lineage_id,
                )
            )
            .order_by((records.report_generation_id == facts.report_id).desc())
            .limit(1)
        )
        return _lineage(found.one())

    async def _one(self, query: Select[Any]) -> Lineage | None:
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else _lineage(row)


def _lineages() -> Select[Any]:
    return select(
        lineage_records,
        func.coalesce(lineage_access_counts.c.access_count, 0).label("access_count"),
        lineage_access_counts.c.last_accessed_at,
    ).outerjoin(lineage_access_counts, lineage_access_counts.c.lineage_id == lineage_records.c.lineage_id)


def _values(lineage: Lineage) -> dict[str, Any]:
    facts = lineage.facts
    return {
        "lineage_id": facts.lineage_id,
        "report_generation_id": facts.report_id,
        "lead_id": facts.lead_id,
        "pipeline_run_id": facts.pipeline_run_id,
        "template_version_id": facts.template_version_id,
        "template_digest": facts.template_digest,
        "environment_digest": facts.environment_digest,
        "pipeline_start_time": facts.started_at,
        "pipeline_end_time": facts.ended_at,
        "raw_inputs_size_bytes": facts.inputs_size,
        "inputs_sha256": facts.inputs_sha256,
        "pdf_sha256": facts.pdf_sha256,
        "part_sizes_bytes": [part.size for part in facts.parts],
        "part_sha256s": [part.sha256 for part in facts.parts],
        "logs_size_bytes": facts.log_size,
        "logs_gzip_size_bytes": lineage.log_gzip_size,
        "logs_sha256": facts.log_sha256,
        "created_by": facts.created_by,
        "created_at": lineage.recorded_at,
    }


def _lineage(row: Row[Any]) -> Lineage:
    return Lineage(
        Facts(
            lineage_id=row.lineage_id,
            report_id=row.report_generation_id,
            lead_id=row.lead_id,
            pipeline_run_id=row.pipeline_run_id,
            template_version_id=row.template_version_id,
            template_digest=row.template_digest,
            environment_digest=row.environment_digest,
            started_at=row.pipeline_start_time,
            ended_at=row.pipeline_end_time,
            inputs_size=row.raw_inputs_size_bytes,
            inputs_sha256=row.inputs_sha256,
            pdf_sha256=row.pdf_sha256,
            parts=_parts(row.part_sizes_bytes, row.part_sha256s),
            log_size=row.logs_size_bytes,
            log_sha256=row.logs_sha256,
            created_by=row.created_by,
        ),
        log_gzip_size=row.logs_gzip_size_bytes,
        recorded_at=row.created_at,
        readings=Readings(row.access_count, row.last_accessed_at),
    )


def _parts(sizes: Sequence[int], digests: Sequence[bytes]) -> tuple[Part, ...]:
    return tuple(Part(size, digest) for size, digest in zip(sizes, digests, strict=True))
