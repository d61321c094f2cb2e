"""What is still to be told to an OpenLineage receiver, in PostgreSQL."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lineage_service.domain.pushing import Push
from lineage_service.repository import rows
from lineage_service.tables import lineage_records, openlineage_pushes, openlineage_receiver


class PostgresPushStore:
    """Records on their way, inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take the session whose transaction this is."""
        self._session = session

    async def subscribe(self, wanted: bool) -> None:
        """Have records told from now on, or no more: what waits is forgotten then."""
        if wanted:
            await self._session.execute(
                insert(openlineage_receiver).values(is_one=True).on_conflict_do_nothing()
            )
        else:
            await self._session.execute(delete(openlineage_receiver))
            await self._session.execute(delete(openlineage_pushes))

    async def claim(self, limit: int, lease: timedelta) -> Sequence[Push]:
        """Lease what is due and nobody holds."""
        table, now = openlineage_pushes.c, func.clock_timestamp()
        due = (
            select(table.lineage_id)
            .where(table.next_attempt_at <= now, table.leased_until.is_(None) | (table.leased_until < now))
            .order_by(table.next_attempt_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        leased = (
            update(openlineage_pushes)
            .where(table.lineage_id == due.c.lineage_id)
            .values(attempts=table.attempts + 1, leased_until=now + lease)
            .returning(table.lineage_id, table.created_at, table.attempts)
        )
        claimed = {each.lineage_id: each for each in await self._session.execute(leased)}
        found = await self._session.execute(rows.lineages().where(lineage_records.c.lineage_id.in_(claimed)))
        lineages = map(rows.lineage, found)
        return [
            Push(each, claimed[each.facts.lineage_id].created_at, claimed[each.facts.lineage_id].attempts)
            for each in lineages
        ]

    async def end(self, push: Push) -> bool:
        """Forget what was told, or given up; False if this is no longer its latest attempt."""
        return await self._changes(delete(openlineage_pushes).where(*_is(push)))

    async def postpone(self, push: Push, delay: timedelta, error: str) -> bool:
        """Give back what could not be told, for a later attempt; False as above."""
        later = {"next_attempt_at": func.clock_timestamp() + delay, "leased_until": None, "error": error}
        return await self._changes(update(openlineage_pushes).where(*_is(push)).values(later))

    async def waiting(self) -> int:
        """Count what is still to be told."""
        return int(await self._session.scalar(select(func.count()).select_from(openlineage_pushes)) or 0)

    async def _changes(self, statement: Any) -> bool:
        return cast("CursorResult[Any]", await self._session.execute(statement)).rowcount == 1


def _is(push: Push) -> list[ColumnElement[bool]]:
    table = openlineage_pushes.c
    return [table.lineage_id == push.lineage.facts.lineage_id, table.attempts == push.attempts]
