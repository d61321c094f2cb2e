"""Batches in PostgreSQL."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, exists, func, select, text, update
from sqlalchemy.orm import aliased

from report_service.batch import Batch, BatchProgress, Reissue
from report_service.domain import Report, Status
from report_service.repository import UNFINISHED, PostgresReportStore, cancelled, enqueue, report_of, row_of
from report_service.tables import BatchRow, ReportRow
from services.errors import NotFound


class PostgresBatchStore(PostgresReportStore):
    """Batches and their reports within one transaction."""

    async def add_batch(self, batch: Batch, reports: Sequence[Report]) -> None:
        """Add a batch, its queued reports, and their jobs, which come after those of single reports."""
        self._session.add(BatchRow(**asdict(batch)))
        await self._session.flush()
        self._session.add_all([row_of(each, None) for each in reports])
        await self._session.flush()
        if any(each.supersedes for each in reports):
            before = aliased(ReportRow)
            given = update(ReportRow).where(ReportRow.batch_id == batch.id, ReportRow.supersedes == before.id)
            given = given.where(before.assessment_data.is_not(None))
            await self._session.execute(
                given.values(assessment_data=before.assessment_data).execution_options(
                    synchronize_session=False
                )
            )
        await enqueue(self._session, [each.id for each in reports], batched=True)

    async def reissuable(self, wanted: Reissue, limit: int) -> Sequence[Report]:
        """Return up to ``limit`` completed reports to issue again, oldest first."""
        # One after the other, so that each sees what the one before has begun.
        await self._session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('reissue', 0))"))
        successor = aliased(ReportRow)
        living = exists().where(
            successor.supersedes == ReportRow.id,
            successor.status.not_in((Status.FAILED, Status.CANCELLED)),
        )
        query = select(ReportRow).where(
            ReportRow.status == Status.COMPLETED, ReportRow.erased_at.is_(None), ~living
        )
        if wanted.template_version_id:
            query = query.where(ReportRow.template_version_id == wanted.template_version_id)
        if wanted.template_digest:
            query = query.where(ReportRow.template_digest == wanted.template_digest)
        if wanted.report_ids:
            query = query.where(ReportRow.id.in_(wanted.report_ids))
        rows = await self._session.scalars(query.order_by(ReportRow.id).limit(limit))
        return [report_of(row) for row in rows]

    async def batch(self, batch_id: UUID) -> BatchProgress:
        """Return a batch as it is now; raises NotFound."""
        found = await self._progress(select(BatchRow).where(BatchRow.id == batch_id))
        if not found:
            raise NotFound("report batch", str(batch_id))
        return found[0]

    async def batch_page(self, size: int, after: UUID | None) -> Sequence[BatchProgress]:
        """Return up to ``size`` batches, newest first, that come after a batch in that order."""
        query = select(BatchRow).order_by(BatchRow.id.desc()).limit(size)
        return await self._progress(query if after is None else query.where(BatchRow.id < after))

    async def _progress(self, query: Select[BatchRow]) -> Sequence[BatchProgress]:
        rows = (await self._session.scalars(query)).all()
        counts = defaultdict[UUID | None, dict[Status, int]](dict)
        counted = select(ReportRow.batch_id, ReportRow.status, func.count())
        counted = counted.where(ReportRow.batch_id.in_([row.id for row in rows]))
        for batch_id, status, count in await self._session.execute(
            counted.group_by(ReportRow.batch_id, ReportRow.status)
        ):
            counts[batch_id][Status(status)] = count
        names = Batch.__dataclass_fields__
        batches = [Batch(**{name: getattr(row, name) for name in names}) for row in rows]
        return [BatchProgress(each, counts[each.id]) for each in batches]

    async def batch_reports(self, batch_id: UUID, size: int, after: int) -> Sequence[Report]:
        """Return up to ``size`` of a batch's reports, in order, from the position after ``after`` on."""
        query = select(ReportRow).where(ReportRow.batch_id == batch_id, ReportRow.batch_position > after)
        rows = await self._session.scalars(query.order_by(ReportRow.batch_position).limit(size))
        return [report_of(row) for row in rows]

    async def cancel_batch(self, batch_id: UUID, at: datetime) -> int:
        """End what has not ended as CANCELLED; returns how many reports."""
        unfinished = (ReportRow.batch_id == batch_id, ReportRow.status.in_(UNFINISHED))
        return await self._changes(update(ReportRow).where(*unfinished).values(cancelled(at)))
