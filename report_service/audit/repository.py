"""The audit in PostgreSQL: every SQL statement."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from report_service.audit.domain import Action, AuditFilter, Caller, Entry
from report_service.audit.tables import AuditRow


class PostgresAuditStore:
    """The audit within one transaction. See AuditStore for what each method promises."""

    def __init__(self, session: AsyncSession) -> None:
        """Take a session of this context's database."""
        self._session = session

    async def add(self, entry: Entry) -> None:
        """See AuditStore."""
        values = asdict(entry)
        caller = values.pop("caller")
        await self._session.execute(insert(AuditRow).values(**values, **caller))

    async def page(self, wanted: AuditFilter, size: int, after: UUID | None) -> Sequence[Entry]:
        """See AuditStore."""
        statement = select(AuditRow).where(*_conditions(wanted))
        if after is not None:
            statement = statement.where(AuditRow.id < after)
        rows = await self._session.scalars(statement.order_by(AuditRow.id.desc()).limit(size))
        return [_entry(each) for each in rows]


def _conditions(wanted: AuditFilter) -> Iterable[ColumnElement[bool]]:
    if wanted.action is not None:
        yield AuditRow.action == wanted.action
    if wanted.user_id is not None:
        yield AuditRow.user_id == wanted.user_id
    if wanted.resource is not None:
        yield AuditRow.resource == wanted.resource
    if wanted.created_after is not None:
        yield AuditRow.created_at >= wanted.created_after
    if wanted.created_before is not None:
        yield AuditRow.created_at < wanted.created_before


def _entry(row: AuditRow) -> Entry:
    caller = Caller(
        row.user_id,
        tuple(row.roles),
        row.workload,
        row.ip_address,
        row.user_agent,
        row.request_id,
        row.method,
    )
    return Entry(row.id, Action(row.action), caller, row.created_at, row.resource, row.reason)
