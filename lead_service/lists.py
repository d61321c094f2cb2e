"""Lists of leads: the statements of a page, and how many leads there are in all.

The living and the deleted have indexes of their own, each of which ends in an order of lists. So a page walks
along an index from its place on, whatever its filter and however deep it lies; a list of both takes
a page of each.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Select,
    func,
    literal,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from lead_service.domain import EXACT_TOTAL_LIMIT, NEWEST_FIRST, LeadFilter, Order, Position
from lead_service.tables import DELETED, LIVING, SEARCHED, LeadRow
from services.plans import estimated_rows


def page_of_rows(
    lead_filter: LeadFilter, size: int, after: Position | None, order: Order = NEWEST_FIRST
) -> Select[LeadRow]:
    """Return the statement of one page."""

    def ordered(statement: Select[LeadRow], row: type[LeadRow]) -> Select[LeadRow]:
        columns = (getattr(row, order.key), row.id)
        directed = (each.desc() if order.descending else each.asc() for each in columns)
        return statement.order_by(*directed).limit(size)

    def half(conditions: Iterable[ColumnElement[bool]]) -> Select[LeadRow]:
        statement = select(LeadRow).where(*conditions)
        if after is not None:
            here = tuple_(getattr(LeadRow, order.key), LeadRow.id)
            place = tuple_(literal(after.value), literal(after.id))
            statement = statement.where(here < place if order.descending else here > place)
        return ordered(statement, LeadRow)

    halves = [half(conditions) for conditions in _halves(_behind(lead_filter, after, order))]
    if len(halves) == 1:
        return halves[0]
    both = aliased(LeadRow, union_all(*halves).subquery())
    return ordered(select(both), both)


def _behind(wanted: LeadFilter, after: Position | None, order: Order) -> LeadFilter:
    """Leave out the end of a span of time that the page's place lies within.

    An index is entered at one of two bounds, and not always at the nearer one.
    """
    if after is None or not isinstance(after.value, datetime):
        return wanted
    if order.descending and wanted.created_before and after.value < wanted.created_before:
        return replace(wanted, created_before=None)
    if not order.descending and wanted.created_after and after.value >= wanted.created_after:
        return replace(wanted, created_after=None)
    return wanted


async def total(session: AsyncSession, lead_filter: LeadFilter) -> int:
    """Return how many leads match: exactly up to EXACT_TOTAL_LIMIT, beyond as the planner sees it."""
    halves = [select(true()).select_from(LeadRow).where(*each) for each in _halves(lead_filter)]
    counted = 0
    for half in halves:
        some = half.limit(EXACT_TOTAL_LIMIT + 1).subquery()
        counted += await session.scalar(select(func.count()).select_from(some)) or 0
    if counted <= EXACT_TOTAL_LIMIT:
        return counted
    return max(EXACT_TOTAL_LIMIT + 1, sum([await estimated_rows(session, half) for half in halves]))


def _halves(wanted: LeadFilter) -> Iterator[list[ColumnElement[bool]]]:
    yield [*_conditions(wanted), LIVING]
    if wanted.show_deleted:
        yield [*_conditions(wanted), DELETED]


def _conditions(wanted: LeadFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.is_manual is not None:
        yield LeadRow.is_manual == wanted.is_manual
    if wanted.enrichment_status is not None:
        yield LeadRow.enrichment_status == wanted.enrichment_status.value
    if wanted.q:
        escaped = re.sub(r"([\\%_])", r"\\\1", wanted.q)
        yield SEARCHED.like(func.lower(f"%{escaped}%"))
    if wanted.email:
        yield func.lower(LeadRow.email) == func.lower(wanted.email)
    if wanted.domain:
        yield LeadRow.domain == wanted.domain
    if wanted.created_by:
        yield LeadRow.created_by == wanted.created_by
    if wanted.created_after is not None:
        yield LeadRow.created_at >= wanted.created_after
    if wanted.created_before is not None:
        yield LeadRow.created_at < wanted.created_before
    if wanted.import_id is not None:
        yield LeadRow.import_id == wanted.import_id
