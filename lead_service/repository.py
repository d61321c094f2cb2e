"""Leads in PostgreSQL: every SQL statement of the lead context."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Final, NoReturn
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Text,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from lead_service import lead_rows, lists, merge_rows, past
from lead_service.domain import (
    NEWEST_FIRST,
    Lead,
    LeadFilter,
    LeadPage,
    Order,
    Position,
    RequestKey,
    duplicate,
)
from lead_service.facts import EnrichmentStatus, EnrichmentTask, Fact
from lead_service.lookup_repository import PostgresLookUpStore
from lead_service.merges import Merge
from lead_service.tables import (
    LIVING,
    REGISTERED,
    AnswerRow,
    FactRow,
    LeadRow,
    MergeRow,
    jobs,
)
from services.database import fetch
from services.errors import Aborted, NotFound
from services.jobs import enqueue

ENRICH_LEAD: Final = "enrich_lead"
"""Entry point of look-up jobs."""


class PostgresLeadStore(PostgresLookUpStore):
    """Leads inside one transaction. See LeadStore for what each method promises."""

    async def claim(self, request: RequestKey, now: datetime) -> bytes | None:
        """See LeadStore. Whoever inserts the same key meanwhile waits for this transaction's end."""
        added = await self._session.execute(
            postgresql.insert(AnswerRow)
            .values(**asdict(request), response=b"", created_at=now)
            .on_conflict_do_nothing()
            .returning(AnswerRow.key)
        )
        if added.first() is not None:
            return None
        known = (await self._session.scalars(select(AnswerRow).where(_is(request)))).one()
        request.require_same(known.request_sha256)
        return known.response

    async def settle(self, request: RequestKey, answer: bytes) -> None:
        """See LeadStore."""
        await self._session.execute(update(AnswerRow).where(_is(request)).values(response=answer))

    async def forget_answers(self, before: datetime) -> int:
        """See LeadStore."""
        old = delete(AnswerRow).where(AnswerRow.created_at < before).returning(literal(1))
        return len((await self._session.execute(old)).all())

    async def add(self, lead: Lead) -> None:
        """See LeadStore."""
        added = await self._session.execute(lead_rows.ADD, {"id": lead.id, **lead_rows.columns(lead)})
        if added.first() is None:
            await self._refuse_duplicate(lead)

    async def get(self, lead_id: UUID) -> Lead:
        """See LeadStore."""
        rows = await fetch(self._session, lead_rows.WHOLE, {"lead_id": lead_id})
        if not rows:
            raise NotFound("lead", str(lead_id))
        return lead_rows.whole(rows[0])

    async def get_as_of(self, lead_id: UUID, moment: datetime) -> Lead:
        """See LeadStore."""
        row = await past.row_as_of(self._session, lead_id, moment)
        if row is None:
            raise NotFound("lead", str(lead_id))
        return lead_rows.lead(row)

    async def get_for_change(self, lead_id: UUID) -> Lead:
        """See LeadStore."""
        row = (await self._session.execute(lead_rows.HELD, {"lead_id": lead_id})).mappings().first()
        if row is None:
            raise NotFound("lead", str(lead_id))
        return lead_rows.lead(row)

    async def change(self, lead: Lead) -> Lead:
        """See LeadStore."""
        changed = replace(lead, version=lead.version + 1)
        written = await self._session.execute(
            lead_rows.CHANGE,
            {"lead_id": lead.id, "known_version": lead.version, **lead_rows.columns(changed)},
        )
        if written.first() is None:
            raise Aborted("Somebody else changed this lead. Read it again, then retry.")
        return changed

    async def revise(self, lead: Lead) -> Lead:
        """See LeadStore. A savepoint keeps the transaction alive, to find out who is in the way."""
        try:
            async with self._session.begin_nested():
                return await self.change(lead)
        except IntegrityError as error:
            if "uq_leads_living" in str(error.orig):
                await self._refuse_duplicate(lead)
            raise

    async def keep_merge(self, merge: Merge) -> None:
        """See LeadStore."""
        await self._session.execute(insert(MergeRow).values(merge_rows.columns(merge)))

    async def merge_of(self, other_id: UUID) -> Merge | None:
        """See LeadStore."""
        row = await self._session.scalar(select(MergeRow).where(MergeRow.other_id == other_id))
        return merge_rows.merge(row) if row else None

    async def forget_merge(self, other_id: UUID) -> None:
        """See LeadStore."""
        await self._session.execute(delete(MergeRow).where(MergeRow.other_id == other_id))

    async def replace_facts(self, lead_id: UUID, facts: Iterable[Fact]) -> None:
        """See LeadStore."""
        await self._session.execute(delete(FactRow).where(FactRow.lead_id == lead_id))
        rows = [{"lead_id": lead_id, **asdict(fact), "values": list(fact.values)} for fact in facts]
        if rows:
            await self._session.execute(insert(FactRow), rows)

    async def page(
        self, lead_filter: LeadFilter, size: int, after: Position | None, order: Order = NEWEST_FIRST
    ) -> LeadPage:
        """See LeadStore."""
        question = lists.page_of_rows(lead_filter, size + 1, after, order, counted=True)
        rows = await fetch(self._session, *question)
        counted = rows[0][lists.COUNTED] if rows else None
        return LeadPage(*_page(rows, size, order), await lists.total(self._session, lead_filter, counted))

    async def following(
        self, lead_filter: LeadFilter, size: int, after: Position | None, order: Order = NEWEST_FIRST
    ) -> tuple[tuple[Lead, ...], Position | None]:
        """See LeadStore. It costs the same at any depth: the index is entered at the position."""
        question = lists.page_of_rows(lead_filter, size + 1, after, order)
        return _page(await fetch(self._session, *question), size, order)

    async def enqueue(self, task: EnrichmentTask) -> str:
        """See LeadStore."""
        return await enqueue(self._session, ENRICH_LEAD, task.to_bytes())

    async def unattended(self, limit: int) -> list[Lead]:
        """See LeadStore. What another transaction holds at the moment is left for the next time."""
        alive = cast(jobs.c.status, Text).in_(["queued", "picked"])
        rows = await self._session.execute(
            lead_rows.ROWS.where(
                LeadRow.enrichment_status.in_([EnrichmentStatus.PENDING, EnrichmentStatus.IN_PROGRESS]),
                LeadRow.enrichment_job_id.is_not(None),
                ~exists().where(jobs.c.id == LeadRow.enrichment_job_id, alive),
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return list(map(lead_rows.lead, rows.mappings()))

    async def _refuse_duplicate(self, lead: Lead) -> NoReturn:
        living = await self._session.scalar(
            select(LeadRow.id).where(
                func.lower(LeadRow.email) == func.lower(lead.email),
                literal(lead.identity[1]) == REGISTERED,
                LeadRow.id != lead.id,
                LIVING,
            )
        )
        if living is None:
            raise Aborted("The lead that was in the way of this one has just gone. Retry.")
        raise duplicate(lead, living)


def _page(
    rows: Sequence[lead_rows.Named], size: int, order: Order
) -> tuple[tuple[Lead, ...], Position | None]:
    """Return the leads of one row more than a page has, and the last one's place if that row is there."""
    leads = tuple(map(lead_rows.lead, rows[:size]))
    return leads, Position(getattr(leads[-1], order.key), leads[-1].id) if len(rows) > size else None


def _is(request: RequestKey) -> ColumnElement[bool]:
    return tuple_(AnswerRow.subject, AnswerRow.method, AnswerRow.key) == tuple_(
        literal(request.subject), literal(request.method), literal(request.key)
    )
