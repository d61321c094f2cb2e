"""The audit of leads in PostgreSQL, written there by triggers (``migrations/``): every SQL statement."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Text, cast, exists, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import CIDR
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.audit import Action, AuditEntry, AuditFilter, AuditPage, AuditPosition, parse
from lead_service.tables import AuditRow

# The values as text, so that no number passes through a float.
_AS_TEXT = ("old_values", "new_values", "bookkeeping")
_COLUMNS = [
    cast(column, Text).label(column.name) if column.name in _AS_TEXT else column
    for column in AuditRow.__table__.columns
    if column.name != "transaction_id"
]


class PostgresAuditStore:
    """The audit inside one transaction. See AuditStore for what each method promises."""

    def __init__(self, session: AsyncSession) -> None:
        """Speak in the session's transaction."""
        self._session = session

    async def page(self, wanted: AuditFilter, size: int, after: AuditPosition | None) -> AuditPage:
        """See AuditStore."""
        rows = (await self._session.execute(page_of_entries(wanted, size + 1, after))).all()
        entries = tuple(map(_entry, rows[:size]))
        more = AuditPosition(entries[-1].created_at, entries[-1].id) if len(rows) > size else None
        return AuditPage(entries, more)

    async def history(self, lead_id: UUID) -> list[AuditEntry]:
        """See AuditStore."""
        rows = await self._session.execute(
            select(*_COLUMNS)
            .where(AuditRow.lead_id == lead_id, AuditRow.version.is_not(None))
            .order_by(AuditRow.version)
        )
        return list(map(_entry, rows))

    async def knows(self, lead_id: UUID) -> bool:
        """See AuditStore."""
        change = exists().where(AuditRow.lead_id == lead_id, AuditRow.version.is_not(None))
        return bool(await self._session.scalar(select(change)))

    async def note(self, action: Action, lead_id: UUID | None, code: str, reason: str) -> None:
        """See AuditStore."""
        await self._session.execute(select(func.lead_audit_call(lead_id, str(action), code, reason)))


def page_of_entries(wanted: AuditFilter, size: int, after: AuditPosition | None) -> Select[Any]:
    """Return the statement of one page, newest entries first."""
    statement = select(*_COLUMNS).where(*_conditions(wanted))
    if after is not None:
        place = tuple_(literal(after.created_at), literal(after.id))
        statement = statement.where(tuple_(AuditRow.created_at, AuditRow.id) < place)
    return statement.order_by(AuditRow.created_at.desc(), AuditRow.id.desc()).limit(size)


def _conditions(wanted: AuditFilter) -> Iterable[ColumnElement[bool]]:
    yield AuditRow.action != Action.READ if wanted.action is None else AuditRow.action == wanted.action
    if wanted.lead_id is not None:
        yield AuditRow.lead_id == wanted.lead_id
    if wanted.user_id is not None:
        yield AuditRow.user_id == wanted.user_id
    if wanted.changed_field is not None:
        yield AuditRow.changed_fields.contains([wanted.changed_field])
    if wanted.created_after is not None:
        yield AuditRow.created_at >= wanted.created_after
    if wanted.created_before is not None:
        yield AuditRow.created_at < wanted.created_before
    if wanted.network is not None:
        yield AuditRow.ip_address.op("<<=", is_comparison=True)(literal(wanted.network, CIDR))


def _entry(row: Row[Any]) -> AuditEntry:
    values = row._asdict()
    return AuditEntry(
        **{
            **values,
            "action": Action(row.action),
            "roles": tuple(row.roles),
            "changed_fields": tuple(row.changed_fields),
            "old_values": parse(row.old_values),
            "new_values": parse(row.new_values),
            "bookkeeping": parse(row.bookkeeping),
        }
    )
