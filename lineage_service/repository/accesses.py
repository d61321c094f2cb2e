"""The access audit as rows and statements."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, literal, select, tuple_

from lineage_service.domain import Access, AccessFilter, Action, Entry, Outcome, Reader
from lineage_service.tables import lineage_accesses

OUTCOME = "OUTCOME"
"""The action of entries that say how a reading ended."""

_entries = lineage_accesses
_outcomes = lineage_accesses.alias("outcomes")


def values(access: Access) -> dict[str, Any]:
    """Write an entry as a row."""
    return _values(access) | {
        "id": access.id,
        "action": access.action.value,
        "part": access.part,
        "created_at": access.at,
        "details": dict(access.details),
        "code": access.code,
        "sent_bytes": 0,
        "forgotten_before": access.forgotten_before,
    }


def outcome_values(access: Access, outcome: Outcome) -> dict[str, Any]:
    """Write how a reading ended as a row."""
    return _values(access) | {
        "id": outcome.id,
        "action": OUTCOME,
        "of_id": outcome.access_id,
        "created_at": outcome.at,
        "details": {},
        "code": outcome.code,
        "sent_bytes": outcome.sent,
    }


def page_of_rows(wanted: AccessFilter, size: int, after: tuple[datetime, UUID] | None) -> Select[Any]:
    """Return the statement of one page of entries, newest first, with their outcomes."""
    entries = _entries.c
    statement = (
        select(
            _entries,
            _outcomes.c.id.label("outcome_id"),
            _outcomes.c.code.label("outcome_code"),
            _outcomes.c.sent_bytes.label("outcome_sent_bytes"),
            _outcomes.c.created_at.label("outcome_at"),
        )
        .outerjoin(_outcomes, _outcomes.c.of_id == entries.id)
        .where(entries.of_id.is_(None), *_conditions(wanted))
    )
    if after is not None:
        statement = statement.where(tuple_(entries.created_at, entries.id) < tuple_(*map(literal, after)))
    return statement.order_by(entries.created_at.desc(), entries.id.desc()).limit(size)


def entry(row: Row[Any]) -> Entry:
    """Read an entry from a row."""
    access = Access(
        id=row.id,
        lineage_id=row.lineage_id,
        report_id=row.report_generation_id,
        action=Action(row.action),
        part=row.part,
        reader=Reader(
            row.subject,
            row.workload,
            row.ip,
            row.user_agent,
            row.request_id,
            row.method,
            tuple(row.roles),
        ),
        at=row.created_at,
        details=row.details,
        code=row.code,
        forgotten_before=row.forgotten_before,
    )
    outcome = None
    if row.outcome_id is not None:
        outcome = Outcome(row.id, row.outcome_code, row.outcome_sent_bytes, row.outcome_at, row.outcome_id)
    return Entry(access, row.version, outcome, row.entry_hash)


def _conditions(wanted: AccessFilter) -> Iterator[ColumnElement[bool]]:
    entries = _entries.c
    if wanted.lineage_id is not None:
        yield entries.lineage_id == wanted.lineage_id
    if wanted.subject:
        yield entries.subject == wanted.subject
    if wanted.action is not None:
        yield entries.action == wanted.action.value
    if wanted.created_after is not None:
        yield entries.created_at >= wanted.created_after
    if wanted.created_before is not None:
        yield entries.created_at < wanted.created_before


def _values(access: Access) -> dict[str, Any]:
    return {
        "lineage_id": access.lineage_id,
        "report_generation_id": access.report_id,
        "subject": access.reader.subject,
        "roles": list(access.reader.roles),
        "workload": access.reader.workload,
        "ip": access.reader.ip,
        "user_agent": access.reader.user_agent,
        "request_id": access.reader.request_id,
        "method": access.reader.method,
    }
