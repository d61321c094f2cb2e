"""Changes of leads in PostgreSQL, read from the audit in their order: every SQL statement."""

from sqlalchemy import BigInteger, Text, cast, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service import lead_rows
from lead_service.audit import Action
from lead_service.changes import Change, ChangePage, ChangePosition, unknown_place
from lead_service.tables import AuditRow, LeadRow

_SNAPSHOT = func.pg_current_snapshot()
# The lowest number of a transaction that runs, and the lowest that none has yet.
_RUNNING = cast(cast(func.pg_snapshot_xmin(_SNAPSHOT), Text), BigInteger)
_COMING = cast(cast(func.pg_snapshot_xmax(_SNAPSHOT), Text), BigInteger)


class PostgresChangeStore:
    """Changes inside one transaction. See ChangeStore for what each method promises."""

    def __init__(self, session: AsyncSession) -> None:
        """Speak in the session's transaction."""
        self._session = session

    async def here(self) -> ChangePage:
        """See ChangeStore."""
        running, coming = await self._horizon()
        return ChangePage((), ChangePosition(running), is_full=False, is_last=running == coming)

    async def page(self, after: ChangePosition, size: int) -> ChangePage:
        """See ChangeStore.

        The horizon is asked for first: what it says is settled, the statement after it is sure to see.
        """
        running, coming = await self._horizon()
        if after.transaction_id > running:
            raise unknown_place()
        order = (AuditRow.transaction_id, AuditRow.id)
        found = await self._session.execute(
            select(*order, AuditRow.lead_id, AuditRow.action, AuditRow.old_values, LeadRow)
            .outerjoin(LeadRow, LeadRow.id == AuditRow.lead_id)
            .where(
                AuditRow.version.is_not(None),
                # What a migration wrote down of leads as they were.
                AuditRow.action != Action.BASELINE,
                tuple_(*order) > tuple_(literal(after.transaction_id), literal(after.entry_id)),
                AuditRow.transaction_id < running,
            )
            .order_by(*order)
            .limit(size)
        )
        changes = tuple(
            Change(
                ChangePosition(transaction_id, entry_id),
                lead_id,
                Action(action),
                before,
                lead_rows.lead(lead_rows.mapped(row)) if row else None,
            )
            for transaction_id, entry_id, lead_id, action, before, row in found
        )
        is_full = len(changes) == size
        position = changes[-1].position if is_full else max(after, ChangePosition(running))
        return ChangePage(changes, position, is_full, is_last=running == coming and not is_full)

    async def _horizon(self) -> tuple[int, int]:
        running, coming = (await self._session.execute(select(_RUNNING, _COMING))).one()
        return running, coming
