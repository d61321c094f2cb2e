"""The part of a lead store in PostgreSQL that is about what look-ups suggest, and who asked for them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.suggestions import Suggestion
from lead_service.tables import UNDER_WAY, LeadRow, QuotaRow, SuggestionRow


class PostgresLookUpStore:
    """See LeadStore for what each method promises."""

    def __init__(self, session: AsyncSession) -> None:
        """Speak in the session's transaction."""
        self._session = session

    async def replace_suggestions(self, lead_id: UUID, suggestions: Iterable[Suggestion]) -> None:
        """See LeadStore."""
        await self._session.execute(delete(SuggestionRow).where(SuggestionRow.lead_id == lead_id))
        rows = [{"lead_id": lead_id, **asdict(each)} for each in suggestions]
        if rows:
            await self._session.execute(insert(SuggestionRow), rows)

    async def asked(self, subject: str) -> tuple[Sequence[datetime], int]:
        """See QuotaStore. The subject's row is written at once, so that others wait for it."""
        held = (
            postgresql.insert(QuotaRow)
            .values(subject=subject, asked_at=[])
            .on_conflict_do_update(index_elements=[QuotaRow.subject], set_={"subject": subject})
            .returning(QuotaRow.asked_at)
        )
        moments = (await self._session.execute(held)).scalar_one()
        running = await self._session.scalar(
            select(func.count())
            .select_from(LeadRow)
            .where(LeadRow.enrichment_asked_by == subject, UNDER_WAY, LeadRow.enrichment_job_id.is_not(None))
        )
        return moments, running or 0

    async def note_asked(self, subject: str, moments: Sequence[datetime]) -> None:
        """See QuotaStore."""
        await self._session.execute(
            update(QuotaRow).where(QuotaRow.subject == subject).values(asked_at=list(moments))
        )
