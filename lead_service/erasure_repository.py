"""Erasures in PostgreSQL. What the application may not do by itself, a function of the owner's does."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.erasure import Erasure
from lead_service.names import person
from lead_service.tables import ErasureRow, LeadRow

# What bears the lead's id bears its values, too: answers as they were given, and what failed jobs logged.
_TRACES = (
    "DELETE FROM idempotency_keys WHERE position(convert_to(:id, 'UTF8') IN response) > 0",
    """WITH jobs AS (
           DELETE FROM pgqueuer WHERE position(convert_to(:id, 'UTF8') IN payload) > 0 RETURNING id
       )
       DELETE FROM pgqueuer_log
        WHERE job_id = :job OR job_id IN (SELECT id FROM jobs) OR position(:id IN traceback::text) > 0""",
)
# Every address that the lead ever had: a row of a file may have been refused for one of them.
_ADDRESSES = """
SELECT email FROM leads WHERE id = :id
 UNION SELECT old_values->>'email' FROM lead_audit WHERE lead_id = :id AND version IS NOT NULL
 UNION SELECT new_values->>'email' FROM lead_audit WHERE lead_id = :id AND version IS NOT NULL
"""
_REFUSED_ROWS = "DELETE FROM lead_import_errors WHERE person = ANY(:persons)"
_ERASE = "SELECT * FROM lead_audit_erase(CAST(:id AS uuid))"


class PostgresErasureStore:
    """Erasures inside one transaction. See ErasureStore for what each method promises."""

    def __init__(self, session: AsyncSession) -> None:
        """Speak in the session's transaction."""
        self._session = session

    async def erase(self, lead_id: UUID) -> Erasure | None:
        """See ErasureStore. Nobody can leave another trace once the lead is gone."""
        addresses = (await self._session.scalars(text(_ADDRESSES), {"id": lead_id})).all()
        job = await self._session.scalar(select(LeadRow.enrichment_job_id).where(LeadRow.id == lead_id))
        row = (await self._session.execute(text(_ERASE), {"id": str(lead_id)})).one()
        if row.number is None:
            return None
        persons = [person(each) for each in addresses if each]
        await self._session.execute(text(_REFUSED_ROWS), {"persons": persons})
        for statement in map(text, _TRACES):
            known = {"id": str(lead_id), "job": job}
            await self._session.execute(statement, {name: known[name] for name in statement.compile().params})
        return Erasure(*row)

    async def after(self, number: int, size: int) -> Sequence[Erasure]:
        """See ErasureStore."""
        columns = (ErasureRow.number, ErasureRow.lead_id, ErasureRow.erased_by, ErasureRow.erased_at)
        rows = await self._session.execute(
            select(*columns).where(ErasureRow.number > number).order_by(ErasureRow.number).limit(size)
        )
        return [Erasure(*row) for row in rows]
