"""What assurances rest on, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import Select, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from report_service.assurance.domain import Completed, Environment
from report_service.assurance.tables import EnvironmentRow
from report_service.domain import LineageStatus, Status
from report_service.records import Window
from report_service.tables import LineageOutboxRow, ReportRow


class PostgresAssuranceStore:
    """What assurances rest on, within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take a session of this context's database."""
        self._session = session

    async def remember_environment(self, environment: Environment) -> None:
        """Keep what an environment consists of; what is kept under its digest already stays."""
        kept = insert(EnvironmentRow).values(digest=environment.digest, parts=dict(environment.parts))
        await self._session.execute(kept.on_conflict_do_nothing())

    async def environment(self, digest: str) -> Mapping[str, str] | None:
        """Return what an environment consists of, None if that was never kept."""
        parts = select(EnvironmentRow.parts).where(EnvironmentRow.digest == digest)
        return await self._session.scalar(parts)

    async def completed(self, window: Window, size: int) -> Sequence[Completed]:
        """Return up to ``size`` completed reports within a window, in the order of their ids."""
        query = _completed().order_by(ReportRow.id).limit(size)
        if window.after is not None:
            query = query.where(ReportRow.id > window.after)
        if window.before is not None:
            query = query.where(ReportRow.id < window.before)
        return await self._found(query)

    async def completed_among(self, report_ids: Sequence[UUID]) -> Sequence[Completed]:
        """Return those of these reports that are completed, in any order."""
        return await self._found(_completed().where(ReportRow.id.in_(report_ids)))

    async def _found(self, query: Select[UUID, str, bool]) -> Sequence[Completed]:
        rows = await self._session.execute(query)
        return [Completed(report_id, LineageStatus(status), waits) for report_id, status, waits in rows]


def _completed() -> Select[UUID, str, bool]:
    waits = exists().where(LineageOutboxRow.report_id == ReportRow.id)
    return select(ReportRow.id, ReportRow.lineage_status, waits).where(ReportRow.status == Status.COMPLETED)
