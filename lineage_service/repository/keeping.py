"""How long what is kept, as statements. What removes is a function of the database; see the migrations."""

from datetime import datetime
from functools import reduce
from operator import add
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lineage_service.domain import (
    CONTENTS,
    LARGEST_LEADS,
    Content,
    Due,
    Hold,
    Keeping,
    Removed,
    Share,
    Storage,
)
from lineage_service.tables import (
    lineage_accesses,
    lineage_expiries,
    lineage_holds,
    lineage_records,
)

_records, _holds, _expiries = lineage_records.c, lineage_holds.c, lineage_expiries.c
SIZES = {Content.INPUTS: _records.raw_inputs_gzip_size_bytes, Content.LOG: _records.logs_gzip_size_bytes}
_gone_by = {content: lineage_expiries.alias(f"gone_{content.value}") for content in Content}


class KeepingStatements:
    """What the store says of keeping."""

    _session: AsyncSession

    async def due(self, kind: Keeping, before: datetime) -> Due:
        """Count what was recorded before then and is still there."""
        content = CONTENTS.get(kind)
        if content is None:
            entries = lineage_accesses.c
            old = (entries.created_at < before, entries.details != func.jsonb_build_object())
            return Due(await self._session.scalar(select(func.count()).where(*old)) or 0)
        held = exists().where(_holds.lead_id == _records.lead_id)
        row = (
            await self._session.execute(
                select(
                    func.count().filter(~held).label("count"),
                    func.coalesce(func.sum(SIZES[content]).filter(~held), 0).label("bytes"),
                    func.count().filter(held).label("held"),
                ).where(_records.created_at < before, ~_gone(content))
            )
        ).one()
        return Due(row[0], int(row[1]), row[2])

    async def expire(
        self, content: Content, before: datetime | None, lead_id: UUID | None, most: int
    ) -> list[Removed]:
        """Remove a content of at most so many lineages, the oldest; never what is held."""
        removed = func.lineage_expire(content.value, before, cast(lead_id, Uuid), most).table_valued(
            "lineage_id", "report_generation_id", "bytes"
        )
        found = await self._session.execute(select(removed))
        return [Removed(*row) for row in found]

    async def forget_details(self, before: datetime, most: int) -> int:
        """Erase what was asked for from at most so many entries of the audit; return of how many."""
        return int(await self._session.scalar(select(func.lineage_forget_details(before, most))) or 0)

    async def hold(self, hold: Hold) -> Hold:
        """Hold a lead unless it is held; return the hold that stands. Waits for a removal under way."""
        await self._session.execute(select(func.lineage_lock()))
        await self._session.execute(
            insert(lineage_holds)
            .values(lead_id=hold.lead_id, reason=hold.reason, held_by=hold.held_by, held_at=hold.held_at)
            .on_conflict_do_nothing()
        )
        stands = await self.held(hold.lead_id)
        return hold if stands is None else stands

    async def release(self, lead_id: UUID) -> Hold | None:
        """Release a lead; return the hold that stood."""
        gone = delete(lineage_holds).where(_holds.lead_id == lead_id).returning(lineage_holds)
        row = (await self._session.execute(gone)).one_or_none()
        return None if row is None else Hold(*row)

    async def held(self, lead_id: UUID) -> Hold | None:
        """Return the hold of a lead."""
        found = await self._session.execute(select(lineage_holds).where(_holds.lead_id == lead_id))
        row = found.one_or_none()
        return None if row is None else Hold(*row)

    async def holds(self, most: int) -> list[Hold]:
        """Return holds, the latest first."""
        latest = select(lineage_holds).order_by(_holds.held_at.desc(), _holds.lead_id).limit(most)
        return [Hold(*row) for row in await self._session.execute(latest)]

    async def storage(self) -> Storage:
        """Measure what is kept, and for what: one walk over the records, however it is divided."""
        month = func.to_char(func.date_trunc("month", _records.created_at, "UTC"), "YYYY-MM")
        lead = cast(_records.lead_id, Text)
        template = _records.template_version_id
        return Storage(
            disk=(),
            by_month=await self._shares(_shares(month).order_by(month.desc())),
            by_template=await self._shares(_shares(template).order_by(_kept().desc(), template)),
            by_lead=await self._shares(_shares(lead).order_by(_kept().desc(), lead).limit(LARGEST_LEADS)),
        )

    async def _shares(self, statement: Select[Any]) -> tuple[Share, ...]:
        found = await self._session.execute(statement)
        return tuple(Share(name, records, int(size)) for name, records, size in found)


def _shares(name: ColumnElement[Any]) -> Select[Any]:
    statement = select(name, func.count(), _kept()).group_by(name)
    joined: FromClause = lineage_records
    for content, gone in _gone_by.items():
        here = and_(gone.c.lineage_id == _records.lineage_id, gone.c.content == content.value)
        joined = joined.outerjoin(gone, here)
    return statement.select_from(joined)


def _kept() -> ColumnElement[Any]:
    sizes = (case((_gone_by[each].c.lineage_id.is_(None), size), else_=0) for each, size in SIZES.items())
    return func.sum(reduce(add, sizes))


def _gone(content: Content) -> ColumnElement[bool]:
    return exists().where(_expiries.lineage_id == _records.lineage_id, _expiries.content == content.value)
