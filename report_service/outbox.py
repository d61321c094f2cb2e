"""The lineage outbox in PostgreSQL.

A delivery is claimed by a lease that commits before anything is sent, so no transaction waits for
the network, and a worker that dies holds a delivery back for no longer than its lease.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from report_service.deliveries import (
    Backlog,
    Capture,
    DeadLetter,
    Decision,
    Delivery,
    Part,
    Verdict,
)
from report_service.domain import LineageStatus
from report_service.tables import DeadLetterDecisionRow, LineageOutboxRow, ReportRow
from services.ids import uuid7


class PostgresOutboxStore:
    """Captures waiting for the lineage service, within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take a session of this context's database."""
        self._session = session

    async def claim(self, limit: int, lease: timedelta, *, eager: bool = False) -> Sequence[Delivery]:
        """Lease deliveries that are due and that nobody holds; ``eager`` takes those not yet due too."""
        now = func.clock_timestamp()
        row = LineageOutboxRow
        query = select(row.report_id).where(
            row.dead_at.is_(None), row.leased_until.is_(None) | (row.leased_until < now)
        )
        if not eager:
            query = query.where(row.next_attempt_at <= now)
        due = query.order_by(row.next_attempt_at).limit(limit).with_for_update(skip_locked=True).cte("due")
        seconds = lease.total_seconds() + row.payload_size_bytes / (1024 * 1024)
        leased = (
            update(row)
            .where(row.report_id == due.c.report_id)
            .values(attempts=row.attempts + 1, leased_until=now + _seconds(seconds))
            .returning(row)
        )
        return [_delivery(each) for each in await self._session.scalars(leased)]

    async def acknowledge(self, report_id: UUID) -> bool:
        """Remove a delivery and mark its report RECORDED; False if that was done before."""
        # In this order: the guard of ``reports`` wants to see the delivery.
        row = await self._session.scalar(
            select(LineageOutboxRow.report_id)
            .where(LineageOutboxRow.report_id == report_id)
            .with_for_update()
        )
        if row is None:
            return False
        await self._session.execute(
            update(ReportRow).where(ReportRow.id == report_id).values(lineage_status=LineageStatus.RECORDED)
        )
        await self._session.execute(delete(LineageOutboxRow).where(LineageOutboxRow.report_id == report_id))
        return True

    async def postpone(self, report_id: UUID, attempt: int, delay: timedelta, reason: str) -> None:
        """Give back a delivery that failed, to be tried again after a delay."""
        due = func.clock_timestamp() + _seconds(delay.total_seconds())
        await self._session.execute(
            update(LineageOutboxRow)
            .where(LineageOutboxRow.report_id == report_id, LineageOutboxRow.attempts == attempt)
            .values(next_attempt_at=due, leased_until=None, last_error=reason)
        )

    async def bury(self, report_id: UUID, attempt: int, reason: str) -> None:
        """Set aside a delivery that can never succeed as it is."""
        await self._session.execute(
            update(LineageOutboxRow)
            .where(LineageOutboxRow.report_id == report_id, LineageOutboxRow.attempts == attempt)
            .values(dead_at=func.clock_timestamp(), leased_until=None, last_error=reason)
        )

    async def hasten(self) -> None:
        """Make every waiting delivery due now."""
        now = func.clock_timestamp()
        await self._session.execute(
            update(LineageOutboxRow)
            .where(LineageOutboxRow.dead_at.is_(None), LineageOutboxRow.next_attempt_at > now)
            .values(next_attempt_at=now)
        )

    async def dead_letters(self, size: int, after: UUID | None) -> Sequence[DeadLetter]:
        """Return up to ``size`` dead letters by their reports' ids, newest first, after one of them."""
        row = LineageOutboxRow
        names = [{"reason": "last_error"}.get(each.name, each.name) for each in fields(DeadLetter)]
        query = select(*(getattr(row, name) for name in names)).where(row.dead_at.is_not(None))
        query = query.order_by(row.report_id.desc()).limit(size)
        if after is not None:
            query = query.where(row.report_id < after)
        return [DeadLetter(*found) for found in await self._session.execute(query)]

    async def decide(self, decision: Decision) -> bool:
        """Make a dead letter due again, or remove it and mark its report DISCARDED."""
        row = LineageOutboxRow
        is_it = (row.report_id == decision.report_id, row.dead_at.is_not(None))
        facts = select(row.last_error, row.inputs_sha256, row.pdf_sha256).where(*is_it).with_for_update()
        found = (await self._session.execute(facts)).one_or_none()
        if found is None:
            return False
        values = {**asdict(decision), **found._asdict(), "id": uuid7()}
        await self._session.execute(insert(DeadLetterDecisionRow).values(values))
        if decision.verdict is Verdict.REDRIVE:
            now = func.clock_timestamp()
            revived = {"dead_at": None, "next_attempt_at": now, "leased_until": None}
            await self._session.execute(update(row).where(*is_it).values(revived))
        else:
            # In this order: the guard of ``reports`` wants to see the dead letter.
            ended = update(ReportRow).where(ReportRow.id == decision.report_id)
            await self._session.execute(ended.values(lineage_status=LineageStatus.DISCARDED))
            await self._session.execute(delete(row).where(*is_it))
        return True

    async def backlog(self) -> Backlog:
        """Return what the outbox holds."""
        row = LineageOutboxRow
        oldest = func.min(row.created_at).filter(row.dead_at.is_(None))
        age = func.extract("epoch", func.clock_timestamp() - oldest)
        dead = func.count().filter(row.dead_at.is_not(None))
        found = (await self._session.execute(select(func.count() - dead, dead, age))).one()
        return Backlog(found[0], found[1], float(found[2] or 0))


def _seconds(count: Any) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, count)


def _delivery(row: LineageOutboxRow) -> Delivery:
    return Delivery(
        report_id=row.report_id,
        lineage_id=row.lineage_id,
        lead_id=row.lead_id,
        pipeline_run_id=row.pipeline_run_id,
        template_version_id=row.template_version_id,
        template_digest=row.template_digest,
        pdf_sha256=row.pdf_sha256,
        created_by=row.created_by,
        capture=Capture(
            environment_digest=row.environment_digest,
            started_at=row.started_at,
            ended_at=row.ended_at,
            inputs_sha256=row.inputs_sha256,
            inputs_size_bytes=row.inputs_size_bytes,
            raw_inputs=row.raw_inputs,
            parts=tuple(Part(**each) for each in row.parts),
            logs=row.logs,
            logs_size_bytes=row.logs_size_bytes,
            logs_sha256=row.logs_sha256,
        ),
        attempt=row.attempts,
    )
