"""Reports in PostgreSQL."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ScalarSelect,
    Select,
    delete,
    exists,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, undefer

from report_service.deliveries import Capture
from report_service.domain import Assignment, LineageStatus, Pdf, Report, ReportFilter, RequestKey, Status
from report_service.tables import ReportRow, RequestRow
from services import jobs
from services.errors import NotFound

GENERATE = "generate_report"
"""Entry point of the job that makes a report; its payload is the report's id."""

# Up to here a list's size is counted; beyond, the planner's guess will do.
COUNTED = 1000

# Somebody waits for a single report; a batch has time.
BATCHED = -1

UNFINISHED = (Status.QUEUED, Status.RUNNING)


class PostgresReportStore:
    """Reports within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take a session whose class is ``ReportSession``."""
        self._session = session

    async def add(self, report: Report, assessment_data: bytes | None) -> None:
        """Add a queued report together with the job that will make it."""
        self._session.add(row_of(report, assessment_data))
        await self._session.flush()
        await enqueue(self._session, [report.id])

    async def count_queued(self, *, batched: bool = False) -> int:
        """Return how many reports wait for a worker: those of batches, or all others."""
        which = ReportRow.batch_id.is_not(None) if batched else ReportRow.batch_id.is_(None)
        counted = select(func.count()).where(ReportRow.status == Status.QUEUED, which)
        return await self._session.scalar(counted) or 0

    async def get(self, report_id: UUID) -> Report:
        """Return a report; raises NotFound."""
        query = select(ReportRow, _successor()).where(ReportRow.id == report_id)
        found = (await self._session.execute(query)).one_or_none()
        if found is None:
            raise NotFound("report", str(report_id))
        return report_of(*found)

    async def page(self, wanted: ReportFilter, size: int, after: UUID | None) -> Sequence[Report]:
        """Return up to ``size`` reports, newest first, that come after a report in that order."""
        query = select(ReportRow, _successor()).where(*_conditions(wanted))
        query = query.order_by(ReportRow.id.desc()).limit(size)
        if after is not None:
            query = query.where(ReportRow.id < after)
        return [report_of(*found) for found in await self._session.execute(query)]

    async def estimate(self, wanted: ReportFilter) -> int:
        """Return about how many reports match; exact up to a thousand."""
        matching = select(literal(1)).select_from(ReportRow).where(*_conditions(wanted))
        counted = select(func.count()).select_from(matching.limit(COUNTED + 1).subquery())
        count = await self._session.scalar(counted) or 0
        return count if count <= COUNTED else max(count, await self._planned(matching))

    async def _planned(self, query: Select[Any]) -> int:
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
        compiled = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        plan = await self._session.scalar(text(f"EXPLAIN (FORMAT JSON) {compiled}"))
        loaded = json.loads(plan) if isinstance(plan, str) else plan
        return int(loaded[0]["Plan"]["Plan Rows"])

    async def claim(self, report_id: UUID, at: datetime) -> Assignment | None:
        """Begin the next attempt at a report; None if it has ended or does not exist."""
        row = await self._session.get(
            ReportRow, report_id, with_for_update=True, options=[undefer(ReportRow.assessment_data)]
        )
        if row is None or row.status not in UNFINISHED:
            return None
        row.status = Status.RUNNING
        row.attempts += 1
        row.render_time = row.render_time or at.replace(microsecond=0)
        row.step, row.progress = "", 0
        await self._session.flush()
        return Assignment(report_of(row), row.assessment_data)

    async def advance(
        self, report_id: UUID, attempt: int, step: str, progress: int, object_key: str | None = None
    ) -> bool:
        """Say how far an attempt is; False if it is no longer the latest one, or the report ended."""
        # Nobody misses a step that a power cut took away, so its commit need not wait for the disk.
        await self._session.execute(text("SET LOCAL synchronous_commit = off"))
        values: dict[str, Any] = {"step": step, "progress": progress}
        if object_key is not None:
            values["object_key"] = object_key
        changed = update(ReportRow).where(*_is_running(report_id, attempt)).values(values)
        return await self._changes(changed) == 1

    async def complete(
        self, report_id: UUID, attempt: int, pdf: Pdf, capture: Capture | None, at: datetime
    ) -> bool:
        """End a report well, with its capture in the outbox, or without one as DISABLED."""
        row = await self._session.get(ReportRow, report_id, with_for_update=True)
        if row is None or row.status != Status.RUNNING or row.attempts != attempt:
            return False
        row.status = Status.COMPLETED
        row.step, row.progress, row.error = "", 100, ""
        row.pdf_sha256, row.pdf_size_bytes = pdf.sha256, pdf.size_bytes
        row.page_count, row.object_key = pdf.page_count, pdf.object_key
        row.completed_at = at
        await self._end(row, capture)
        return True

    async def fail(
        self, report_id: UUID, attempt: int, reason: str, capture: Capture | None, at: datetime
    ) -> bool:
        """End a report without a PDF, with its capture in the outbox, or without one as DISABLED."""
        row = await self._session.get(ReportRow, report_id, with_for_update=True)
        if row is None or row.status != Status.RUNNING or row.attempts != attempt:
            return False
        row.status, row.error, row.step, row.completed_at = Status.FAILED, reason, "", at
        await self._end(row, capture)
        return True

    async def _end(self, row: ReportRow, capture: Capture | None) -> None:
        row.lineage_status = LineageStatus.DISABLED if capture is None else LineageStatus.PENDING
        row.capture = capture
        await self._session.flush()

    async def cancel(self, report_id: UUID, at: datetime) -> bool:
        """End a report as CANCELLED; False if it has ended before, or does not exist."""
        ended = update(ReportRow).where(ReportRow.id == report_id, ReportRow.status.in_(UNFINISHED))
        return await self._changes(ended.values(cancelled(at))) == 1

    async def assessment_data(self, report_id: UUID) -> bytes | None:
        """Return what the caller gave to a report."""
        return await self._session.scalar(select(ReportRow.assessment_data).where(ReportRow.id == report_id))

    async def first_answer(self, request: RequestKey) -> UUID | None:
        """Return what the request made when it was sent before, None if it was not."""
        identity = (request.subject, request.method, request.key)
        known = await self._session.get(RequestRow, identity)
        if known is None:
            return None
        request.require_same(known.request_sha256)
        return known.made

    async def remember(self, request: RequestKey, made: UUID, at: datetime) -> UUID:
        """Keep what a request makes, and return it, or what the same request made meanwhile."""
        added = postgresql.insert(RequestRow).values(**asdict(request), made=made, created_at=at)
        # Whoever inserts the same key meanwhile waits here for the other transaction's end.
        await self._session.execute(added.on_conflict_do_nothing())
        return await self.first_answer(request) or made

    async def forget_requests(self, before: datetime) -> int:
        """Forget requests that were remembered before; returns how many."""
        return await self._changes(delete(RequestRow).where(RequestRow.created_at < before))

    async def requeue_unattended(self, limit: int) -> int:
        """Make new jobs for unfinished reports that no job stands for; returns how many."""
        jobless = ~exists().where(
            text("pgqueuer.entrypoint = :entrypoint AND pgqueuer.dedupe_key = reports.id::text").bindparams(
                entrypoint=GENERATE
            )
        ).select_from(text("pgqueuer"))
        unfinished = (ReportRow.status.in_(UNFINISHED), jobless)
        query = select(ReportRow.id, ReportRow.batch_id.is_not(None)).where(*unfinished).limit(limit)
        found = (await self._session.execute(query)).all()
        made = 0
        for batched in (False, True):
            lost = [report_id for report_id, of_batch in found if of_batch == batched]
            made += await enqueue(self._session, lost, batched=batched)
        return made

    async def _changes(self, statement: Any) -> int:
        return cast("CursorResult[Any]", await self._session.execute(statement)).rowcount


async def enqueue(session: AsyncSession, report_ids: Sequence[UUID], *, batched: bool = False) -> int:
    """Make the jobs of reports that have none; returns how many. A single report overtakes a batch."""
    keys = [str(each) for each in report_ids]
    made = await jobs.enqueue_all(
        session,
        GENERATE,
        [key.encode() for key in keys],
        keys=keys,
        priority=BATCHED if batched else 0,
    )
    return sum(map(bool, made))


def _conditions(wanted: ReportFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.lead_id is not None:
        conditions.append(ReportRow.lead_id == wanted.lead_id)
    if wanted.status is not None:
        conditions.append(ReportRow.status == wanted.status)
    if wanted.batch_id is not None:
        conditions.append(ReportRow.batch_id == wanted.batch_id)
    if wanted.template_version_id:
        conditions.append(ReportRow.template_version_id == wanted.template_version_id)
    if wanted.template_digest:
        conditions.append(ReportRow.template_digest == wanted.template_digest)
    return conditions


def cancelled(at: datetime) -> dict[str, Any]:
    """Return what changes when a report is cancelled."""
    return {
        "status": Status.CANCELLED,
        "lineage_status": LineageStatus.NONE,
        "step": "",
        "completed_at": at,
    }


def _is_running(report_id: UUID, attempt: int) -> list[ColumnElement[bool]]:
    return [ReportRow.id == report_id, ReportRow.status == Status.RUNNING, ReportRow.attempts == attempt]


def row_of(report: Report, assessment_data: bytes | None) -> ReportRow:
    """Write the row of a queued report."""
    # By name: what the row has and the report has not comes with its end.
    names = set(ReportRow.__mapper__.columns.keys()) & set(Report.__dataclass_fields__) - {
        "version",
        "superseded_by",
    }
    values = {name: getattr(report, name) for name in names}
    return ReportRow(**values, assessment_data=assessment_data)


def _successor() -> ScalarSelect[Any]:
    """Return the id of the completed report that stands in for one."""
    other = aliased(ReportRow)
    stands_in = select(other.id).where(other.supersedes == ReportRow.id, other.status == Status.COMPLETED)
    return stands_in.correlate(ReportRow).scalar_subquery()


def report_of(row: ReportRow, superseded_by: UUID | None = None) -> Report:
    """Read a row, and what was read beside it."""
    pdf = None
    if row.pdf_sha256 and row.pdf_size_bytes and row.page_count and row.object_key:
        pdf = Pdf(row.pdf_sha256, row.pdf_size_bytes, row.page_count, row.object_key)
    return Report(
        id=row.id,
        lineage_id=row.lineage_id,
        lead_id=row.lead_id,
        domain=row.domain,
        pipeline_run_id=row.pipeline_run_id,
        template_version_id=row.template_version_id,
        template_digest=row.template_digest,
        locale=row.locale,
        created_by=row.created_by,
        created_at=row.created_at,
        status=Status(row.status),
        lineage_status=LineageStatus(row.lineage_status),
        progress=row.progress,
        step=row.step,
        error=row.error,
        attempts=row.attempts,
        render_time=row.render_time,
        pdf=pdf,
        completed_at=row.completed_at,
        version=row.version,
        retry_of=row.retry_of,
        batch_id=row.batch_id,
        batch_position=row.batch_position,
        supersedes=row.supersedes,
        superseded_by=superseded_by,
        erased_at=row.erased_at,
    )
