"""Lists of leads: the statements of a page, and how many leads there are in all.

The living and the deleted have indexes of their own, each of which ends in an order of lists. So a page walks
along an index from its place on, whatever its filter and however deep it lies; a list of both takes
a page of each. Statements are kept by what they ask about, since to put one together takes longer than
to send it; what is asked for goes with them as parameters.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    bindparam,
    func,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.domain import EXACT_TOTAL_LIMIT, NEWEST_FIRST, LeadFilter, Order, Position
from lead_service.lead_rows import LEADS, ROWS
from lead_service.tables import DELETED, LIVING, SEARCHED
from services.plans import estimated_rows

_C = LEADS.columns
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "is_manual": _C.is_manual == bindparam("is_manual"),
    "enrichment_status": _C.enrichment_status == bindparam("enrichment_status"),
    "q": SEARCHED.like(func.lower(bindparam("q", type_=Text))),
    "email": func.lower(_C.email) == func.lower(bindparam("email", type_=Text)),
    "domain": _C.domain == bindparam("domain"),
    "created_by": _C.created_by == bindparam("created_by"),
    "created_after": _C.created_at >= bindparam("created_after"),
    "created_before": _C.created_at < bindparam("created_before"),
    "import_id": _C.import_id == bindparam("import_id"),
}
"""By the field of a filter that asks for it, whose value each takes as the parameter of that name."""
_KEPT_STATEMENTS = 1024
COUNTED = "counted"
"""Says how many leads match, but stops at some more than EXACT_TOTAL_LIMIT."""

_Asked = tuple[str, ...]
"""What a filter asks about."""


class Question(NamedTuple):
    """A statement, and what it is asked with."""

    statement: Select[Any]
    values: dict[str, Any]


def page_of_rows(
    lead_filter: LeadFilter,
    size: int,
    after: Position | None,
    order: Order = NEWEST_FIRST,
    *,
    counted: bool = False,
) -> Question:
    """Return what asks for one page; with `counted`, each row also tells as COUNTED how many match in all."""
    values, wanted = dict(_values(lead_filter)), _behind(lead_filter, after, order)
    statement = _page(
        tuple(name for name, _ in _values(wanted)),
        wanted.show_deleted,
        after is not None,
        order,
        tuple(values) if counted else None,
    )
    if after is not None:
        values |= {"place": after.value, "place_id": after.id}
    return Question(statement, values | {"size": size})


@lru_cache(_KEPT_STATEMENTS)
def _page(
    asked: _Asked, show_deleted: bool, is_behind: bool, order: Order, counted: _Asked | None
) -> Select[Any]:
    def ordered(statement: Select[Any], row: Any) -> Select[Any]:
        columns = (row[order.key], row.id)
        directed = (each.desc() if order.descending else each.asc() for each in columns)
        return statement.order_by(*directed).limit(bindparam("size"))

    def half(conditions: list[ColumnElement[bool]]) -> Select[Any]:
        statement = ROWS.where(*conditions)
        if is_behind:
            here = tuple_(_C[order.key], _C.id)
            place = tuple_(bindparam("place", type_=_C[order.key].type), bindparam("place_id", type_=Uuid()))
            statement = statement.where(here < place if order.descending else here > place)
        return ordered(statement, _C)

    page, *others = [half(conditions) for conditions in _halves(asked, show_deleted)]
    if others:
        both = union_all(page, *others).subquery()
        page = ordered(select(both), both.columns)
    return page if counted is None else page.add_columns(_count(counted, show_deleted).label(COUNTED))


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


async def total(session: AsyncSession, wanted: LeadFilter, counted: int | None = None) -> int:
    """Return how many leads match: exactly up to EXACT_TOTAL_LIMIT, beyond as the planner sees it.

    `counted` is what a row of a page says, if there is one.
    """
    values = dict(_values(wanted))
    asked = tuple(values)
    if counted is None:
        counted = await session.scalar(_counts(asked, wanted.show_deleted), values) or 0
    if counted <= EXACT_TOTAL_LIMIT:
        return counted
    matching = [
        select(true()).select_from(LEADS).where(*each) for each in _halves(asked, wanted.show_deleted)
    ]
    return max(EXACT_TOTAL_LIMIT + 1, sum([await estimated_rows(session, each, values) for each in matching]))


@lru_cache(_KEPT_STATEMENTS)
def _counts(asked: _Asked, show_deleted: bool) -> Select[Any]:
    return select(_count(asked, show_deleted))


def _count(asked: _Asked, show_deleted: bool) -> ColumnElement[int]:
    """Count leads: of the living and of the deleted no more than are enough to be many."""
    parts = [
        select(true()).select_from(LEADS).where(*each).limit(EXACT_TOTAL_LIMIT + 1).subquery()
        for each in _halves(asked, show_deleted)
    ]
    first, *others = [select(func.count()).select_from(each).scalar_subquery() for each in parts]
    return first + others[0] if others else first


def _halves(asked: _Asked, show_deleted: bool) -> Iterator[list[ColumnElement[bool]]]:
    conditions = [_CONDITIONS[name] for name in asked]
    yield [*conditions, LIVING]
    if show_deleted:
        yield [*conditions, DELETED]


def _values(wanted: LeadFilter) -> Iterator[tuple[str, Any]]:
    if wanted.is_manual is not None:
        yield "is_manual", wanted.is_manual
    if wanted.enrichment_status is not None:
        yield "enrichment_status", wanted.enrichment_status.value
    if wanted.q:
        escaped = re.sub(r"([\\%_])", r"\\\1", wanted.q)
        yield "q", f"%{escaped}%"
    for name in ("email", "domain", "created_by"):
        if text := getattr(wanted, name):
            yield name, text
    for name in ("created_after", "created_before", "import_id"):
        if (value := getattr(wanted, name)) is not None:
            yield name, value
