"""Erasures in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, and_, case, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from report_service.domain import ERASED, Status
from report_service.erasure.domain import Unfinished
from report_service.erasure.tables import ErasureRow
from report_service.records import Erasure
from report_service.tables import LineageOutboxRow, ReportRow

SETTLING = timedelta(minutes=1)

# What failed runs of a report's job logged may say what the report was about.
_LOGGED = "DELETE FROM pgqueuer_log WHERE position(:id IN traceback::text) > 0"


class PostgresErasureStore:
    """Erasures and what they are about, within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take a session of this context's database."""
        self._session = session

    async def latest(self) -> int:
        """Return the number of the last erasure that is known, 0 for none."""
        return await self._session.scalar(select(func.max(ErasureRow.number))) or 0

    async def add(self, erasures: Sequence[Erasure]) -> None:
        """Keep erasures that were found; those that are known stay as they are."""
        kept = insert(ErasureRow).values([asdict(each) for each in erasures])
        await self._session.execute(kept.on_conflict_do_nothing())

    async def due(self, limit: int) -> Sequence[Erasure]:
        """Return erasures of whose leads something is left here, and that are not put off, oldest first."""
        row = ErasureRow
        is_left = row.applied_at.is_(None) | exists().where(*_unblanked(row.lead_id))
        query = select(row.number, row.lead_id, row.erased_by, row.erased_at)
        query = query.where(is_left, row.due_at <= func.clock_timestamp()).order_by(row.number).limit(limit)
        return [Erasure(*found) for found in await self._session.execute(query)]

    async def put_off(self, lead_id: UUID, delay: timedelta, *, held: bool) -> None:
        """Let an erasure rest for a while."""
        later = func.clock_timestamp() + delay
        await self._session.execute(
            update(ErasureRow).where(ErasureRow.lead_id == lead_id).values(due_at=later, held=held)
        )

    async def is_settled(self, lead_id: UUID) -> bool:
        """Tell whether nothing of a lead is under way: no report, and no delivery but dead ones."""
        row, outbox = ReportRow, LineageOutboxRow
        cancelled_just_now = and_(
            row.status == Status.CANCELLED,
            row.attempts > 0,
            row.completed_at > func.clock_timestamp() - SETTLING,
        )
        busy = or_(row.status.in_((Status.QUEUED, Status.RUNNING)), cancelled_just_now)
        moving = exists().where(row.lead_id == lead_id, busy)
        waiting = exists().where(outbox.lead_id == lead_id, outbox.dead_at.is_(None))
        return bool(await self._session.scalar(select(~or_(moving, waiting))))

    async def dead_letters(self, lead_id: UUID) -> Sequence[UUID]:
        """Return the reports of a lead that have dead letters."""
        row = LineageOutboxRow
        dead = select(row.report_id).where(row.lead_id == lead_id, row.dead_at.is_not(None))
        return list(await self._session.scalars(dead))

    async def object_keys(self, lead_id: UUID) -> Sequence[str]:
        """Return the objects of a lead's reports that were not blanked, and of nobody else's."""
        other = aliased(ReportRow)
        shared = exists().where(
            other.object_key == ReportRow.object_key, other.lead_id != lead_id, other.erased_at.is_(None)
        )
        query = select(ReportRow.object_key).where(*_unblanked(lead_id), ReportRow.object_key.is_not(None))
        return [key for key in await self._session.scalars(query.where(~shared).distinct()) if key]

    async def blank(self, lead_id: UUID, at: datetime) -> int:
        """Empty what reports of a lead say about it, and end its erasure; returns how many reports."""
        for report_id in await self._session.scalars(select(ReportRow.id).where(*_unblanked(lead_id))):
            await self._session.execute(text(_LOGGED), {"id": str(report_id)})
        said = case((ReportRow.error == "", ""), else_=ERASED)
        blanked = update(ReportRow).where(*_unblanked(lead_id))
        values = {"domain": "", "assessment_data": None, "error": said, "erased_at": at}
        count = cast("CursorResult[Any]", await self._session.execute(blanked.values(values))).rowcount
        ended = update(ErasureRow).where(ErasureRow.lead_id == lead_id)
        await self._session.execute(
            ended.values(held=False, applied_at=func.coalesce(ErasureRow.applied_at, at))
        )
        return count

    async def unfinished(self) -> Unfinished:
        """Return what is still to be done."""
        row = ErasureRow
        oldest = func.min(row.erased_at).filter(~row.held)
        age = func.extract("epoch", func.clock_timestamp() - oldest)
        query = select(func.count(), func.count().filter(row.held), age).where(row.applied_at.is_(None))
        found = (await self._session.execute(query)).one()
        return Unfinished(found[0], found[1], float(found[2] or 0))


def _unblanked(lead_id: Any) -> list[ColumnElement[bool]]:
    return [ReportRow.lead_id == lead_id, ReportRow.erased_at.is_(None)]
