"""Searches as statements."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Text,
    UnaryExpression,
    bindparam,
    cast,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from lineage_service.domain import LineageFilter, Order, Position, Word
from lineage_service.repository import rows
from lineage_service.tables import lineage_log_words, lineage_records


def page_of_rows(wanted: LineageFilter, size: int, after: Position | None, order: Order) -> Select[Any]:
    """Return the statement of one page.

    Words stand in a table that bears the time too. Where nothing else is asked for, the page is found there
    and its records afterwards: PostgreSQL walks along the time for a common word, and fetches a rare one.
    """
    if wanted.asks_for_words_alone:
        hits = _page(select(lineage_log_words.c.lineage_id), lineage_log_words, wanted, size, after, order)
        found = hits.subquery("hits")
        statement = rows.lineages().where(lineage_records.c.lineage_id == found.c.lineage_id)
        return statement.order_by(*_directed(lineage_records, order))
    return _page(_with_words(rows.lineages(), wanted), lineage_records, wanted, size, after, order)


def matching(wanted: LineageFilter) -> Select[Any]:
    """Return the statement of all that match."""
    if wanted.asks_for_words_alone:
        return select(true()).select_from(lineage_log_words).where(*_conditions(wanted, lineage_log_words))
    statement = _with_words(select(true()).select_from(lineage_records), wanted)
    return statement.where(*_conditions(wanted, lineage_records))


def counted(wanted: LineageFilter, limit: int) -> Select[Any]:
    """Return the statement that counts matches up to a limit.

    In the order of pages, though none is asked for: so the count takes the page's own index, where the
    planner would else read the table and hope to meet enough matches soon.
    """
    table = lineage_log_words if wanted.asks_for_words_alone else lineage_records
    some = matching(wanted).order_by(*_directed(table, Order())).limit(limit)
    return select(func.count()).select_from(some.subquery())


def vector(words: Iterable[str]) -> ColumnElement[Any]:
    """Return what words are stored as."""
    return func.array_to_tsvector(cast(sorted(words), ARRAY(Text)))


def _page(
    statement: Select[Any],
    table: Table,
    wanted: LineageFilter,
    size: int,
    after: Position | None,
    order: Order,
) -> Select[Any]:
    statement = statement.where(*_conditions(wanted, table))
    if after is not None:
        here = tuple_(table.c.created_at, table.c.lineage_id)
        place = tuple_(literal(after.recorded_at), literal(after.lineage_id))
        statement = statement.where(here < place if order.descending else here > place)
    return statement.order_by(*_directed(table, order)).limit(size)


def _directed(table: Table, order: Order) -> list[UnaryExpression[Any]]:
    columns = (table.c.created_at, table.c.lineage_id)
    return [each.desc() if order.descending else each.asc() for each in columns]


def _with_words(statement: Select[Any], wanted: LineageFilter) -> Select[Any]:
    if not wanted.words:
        return statement
    return statement.join(lineage_log_words, lineage_log_words.c.lineage_id == lineage_records.c.lineage_id)


def _conditions(wanted: LineageFilter, table: Table) -> Iterator[ColumnElement[bool]]:
    records = lineage_records.c
    if wanted.words:
        # Not as a parameter: a plan for words of any frequency would be the wrong one for most.
        question = bindparam(None, " & ".join(map(_term, wanted.words)), Text, literal_execute=True)
        yield lineage_log_words.c.words.bool_op("@@")(cast(question, TSQUERY))
    for column, value in (
        (records.lead_id, wanted.lead_id),
        (records.pipeline_run_id, wanted.pipeline_run_id),
        (records.template_version_id, wanted.template_version_id),
        (records.pdf_sha256, wanted.pdf_sha256),
        (records.inputs_sha256, wanted.inputs_sha256),
    ):
        if value:
            yield column == value
    if wanted.created_after is not None:
        yield table.c.created_at >= wanted.created_after
    if wanted.created_before is not None:
        yield table.c.created_at < wanted.created_before


def _term(word: Word) -> str:
    # Letters and digits only: there is nothing to escape.
    return f"'{word.text}'" + (":*" if word.is_prefix else "")
