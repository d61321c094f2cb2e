"""Searches as statements."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Executable,
    Select,
    Table,
    Text,
    and_,
    cast,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from lineage_service.domain import LineageFilter, Order, Position, Word
from lineage_service.repository import rows
from lineage_service.tables import lineage_log_words, lineage_records


class Explained(Executable, ClauseElement):
    """The plan of a statement, as JSON, instead of its rows."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        """Take the statement, which is planned and not run."""
        self.statement = statement


@compiles(Explained)
def _explain(element: Explained, compiler: SQLCompiler, **keywords: Any) -> str:
    return "EXPLAIN (FORMAT JSON) " + compiler.process(element.statement, **keywords)


def page_of_rows(wanted: LineageFilter, size: int, after: Position | None, order: Order) -> Select[Any]:
    """Return the statement of one page.

    Words stand in a table that bears the time too. Where they are asked for, both tables' times are
    held against the position: PostgreSQL enters the index of whichever finds less.
    """
    statement = _narrowed(rows.lineages(), wanted)
    tables = _tables(wanted)
    if after is not None:
        place = tuple_(literal(after.recorded_at), literal(after.lineage_id))
        for table in tables:
            here = tuple_(table.c.created_at, table.c.lineage_id)
            statement = statement.where(here < place if order.descending else here > place)
    columns = (tables[0].c.created_at, tables[0].c.lineage_id)
    directed = (each.desc() if order.descending else each.asc() for each in columns)
    return statement.order_by(*directed).limit(size)


def matching(wanted: LineageFilter) -> Select[Any]:
    """Return the statement of all that match."""
    return _narrowed(select(true()).select_from(lineage_records), wanted)


def counted(wanted: LineageFilter, limit: int) -> Select[Any]:
    """Return the statement that counts matches up to a limit."""
    return select(func.count()).select_from(matching(wanted).limit(limit).subquery())


def vector(words: Iterable[str]) -> ColumnElement[Any]:
    """Return what words are stored as."""
    return func.array_to_tsvector(cast(sorted(words), ARRAY(Text)))


def _tables(wanted: LineageFilter) -> list[Table]:
    return [lineage_records, lineage_log_words] if wanted.words else [lineage_records]


def _narrowed(statement: Select[Any], wanted: LineageFilter) -> Select[Any]:
    if wanted.words:
        records, logs = lineage_records.c, lineage_log_words.c
        statement = statement.join(
            lineage_log_words,
            and_(logs.lineage_id == records.lineage_id, logs.created_at == records.created_at),
        )
    return statement.where(*_conditions(wanted))


def _conditions(wanted: LineageFilter) -> Iterator[ColumnElement[bool]]:
    records = lineage_records.c
    if wanted.words:
        question = " & ".join(map(_term, wanted.words))
        yield lineage_log_words.c.words.bool_op("@@")(cast(question, TSQUERY))
    if wanted.lead_id is not None:
        yield records.lead_id == wanted.lead_id
    for column, value in (
        (records.pipeline_run_id, wanted.pipeline_run_id),
        (records.template_version_id, wanted.template_version_id),
        (records.pdf_sha256, wanted.pdf_sha256),
        (records.inputs_sha256, wanted.inputs_sha256),
    ):
        if value:
            yield column == value
    for table in _tables(wanted):
        if wanted.created_after is not None:
            yield table.c.created_at >= wanted.created_after
        if wanted.created_before is not None:
            yield table.c.created_at < wanted.created_before


def _term(word: Word) -> str:
    # Letters and digits only: there is nothing to escape.
    return f"'{word.text}'" + (":*" if word.is_prefix else "")
