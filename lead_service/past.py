"""What a lead was at a moment, from its audit."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, Text, bindparam, cast, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.audit import Action, Change, jsonb, parse, replay
from lead_service.tables import AuditRow, LeadRow

_COLUMNS = [column(each.name, each.type) for each in LeadRow.__table__.columns]
# The database reads the columns as it wrote them.
_ROW = select(
    func.jsonb_populate_record(
        literal_column("NULL::leads"), cast(bindparam("columns", type_=Text), JSONB)
    ).table_valued(*_COLUMNS)
)


async def row_as_of(session: AsyncSession, lead_id: UUID, moment: datetime) -> RowMapping | None:
    """Return the lead's row as it was then; None if it was not there, or is erased since.

    A change counts from the moment that its entry bears, which is when it was made in its transaction.
    """
    columns = replay(await _changes(session, lead_id, moment))
    if columns is None or "id" not in columns:
        return None
    row = await session.execute(_ROW, {"columns": jsonb(columns)})
    return row.mappings().one()


async def _changes(session: AsyncSession, lead_id: UUID, moment: datetime) -> list[Change]:
    last = select(func.max(AuditRow.version)).where(
        AuditRow.lead_id == lead_id, AuditRow.created_at <= moment
    )
    rows = await session.execute(
        select(
            AuditRow.action,
            AuditRow.changed_fields,
            cast(AuditRow.new_values, Text),
            cast(AuditRow.bookkeeping, Text),
        )
        .where(AuditRow.lead_id == lead_id, AuditRow.version <= last.scalar_subquery())
        .order_by(AuditRow.version)
    )
    return [
        Change(Action(action), fields, parse(values), parse(bookkeeping))
        for action, fields, values, bookkeeping in rows
    ]
