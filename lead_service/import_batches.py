"""Batches of an import in PostgreSQL: rows written, and taken back, by the thousand."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.facts import EnrichmentTask
from lead_service.imports import Batch, Counts, Existing, LeadImport, Outcome, Rejection, Row
from lead_service.lookup_repository import PostgresLookUpStore
from lead_service.names import person
from lead_service.quota import Quota
from lead_service.repository import ENRICH_LEAD
from services.database import driver_connection
from services.errors import Aborted
from services.identity import current_actor
from services.jobs import enqueue_all

# Look-ups of imported leads wait for those of people who look at the screen.
PRIORITY: Final = -1

# Everything is found by index, one row at a time. Left to itself, the planner would take tables that grow by
# a million rows within a minute for as small as they were, and read them whole for each row.
_SETTINGS = """
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_material = off;
"""
_KNOWN = """
SELECT given.row, given.identity, written.row AS earlier, leads.id, leads.name
  FROM (SELECT row, email, registered, substring(
            sha256($2 || convert_to(lower(email) || chr(10) || registered, 'UTF8')) FROM 1 FOR 16) AS identity
          FROM unnest($3::integer[], $4::text[], $5::text[]) AS given (row, email, registered)) AS given
  LEFT JOIN lead_import_rows AS written ON written.import_id = $1 AND written.identity = given.identity
  LEFT JOIN leads ON lower(leads.email) = lower(given.email)
                 AND coalesce(leads.registrable_domain, leads.domain) = given.registered
                 AND leads.deleted_at IS NULL
 ORDER BY given.row
"""
_RENAME = """
UPDATE leads SET name = given.name, updated_at = $4, version = version + 1
  FROM unnest($1::uuid[], $2::text[], $3::text[]) AS given (id, old, name)
 WHERE leads.id = given.id AND leads.name = given.old AND leads.deleted_at IS NULL
RETURNING leads.id
"""
_VERSIONS = """
SELECT lead_id, max(version) AS version FROM lead_audit
 WHERE lead_id = ANY($1) AND version IS NOT NULL GROUP BY lead_id
"""
_LEADS = (
    "id", "email", "domain", "name", "is_manual", "enrichment_status", "enrichment_job_id",
    "enrichment_attempts", "enrichment_error", "created_by", "created_at", "updated_at", "import_id",
    "registrable_domain", "enrichment_asked_by",
)  # fmt: skip
_ROWS = ("import_id", "row", "identity", "outcome", "lead_id", "audit_version")
_ERRORS = ("import_id", "row", "field", "header", "value", "reason", "person")
# A lead that was locked cannot be changed by others any more; what they did before is in its audit.
_LOCK = "SELECT id FROM leads WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_TOUCHED = """
SELECT given.row
  FROM unnest($1::integer[], $2::uuid[], $3::integer[]) AS given (row, lead_id, version)
 WHERE EXISTS (SELECT FROM lead_audit AS since WHERE since.lead_id = given.lead_id
                  AND since.version > given.version
                  AND since.changed_fields && '{id,email,domain,name,is_manual,deleted_at}')
"""
_DELETE = """
UPDATE leads SET deleted_at = $2, updated_at = $2, version = version + 1 WHERE id = ANY($1)
"""
_RESTORE = """
UPDATE leads SET name = entry.old_values->>'name', updated_at = $3, version = leads.version + 1
  FROM unnest($1::uuid[], $2::integer[]) AS given (id, version)
  JOIN lead_audit AS entry ON entry.lead_id = given.id AND entry.version = given.version
 WHERE leads.id = given.id
"""
_UNDOABLE = """
SELECT row, lead_id, outcome, audit_version FROM lead_import_rows
 WHERE import_id = $1 AND row > $2 AND outcome <> 'UNCHANGED' ORDER BY row LIMIT $3
"""
_CONFLICT = "UPDATE lead_import_rows SET conflict = true WHERE import_id = $1 AND row = ANY($2)"


@dataclass(frozen=True, slots=True)
class _Judged:
    row: Row
    identity: bytes
    outcome: Outcome
    lead_id: UUID | None
    old_name: str = ""


async def write(
    session: AsyncSession, running: LeadImport, salt: bytes, batch: Batch, now: datetime, quota: Quota
) -> Counts:
    """Write a batch and return what became of its rows. Raises Aborted if others were faster."""
    connection = await driver_connection(session)
    await connection.execute(_SETTINGS)
    judged, duplicates = await _judge(connection, running, salt, batch.rows)
    created = [each for each in judged if each.outcome is Outcome.CREATED]
    updated = [each for each in judged if each.outcome is Outcome.UPDATED]
    versions: dict[UUID | None, int] = {}
    look_ups = 0
    if not running.options.dry_run:
        if running.options.enrich:
            store = PostgresLookUpStore(session)
            look_ups = await quota.charge_most(store, current_actor(), len(created), now)
        await _create(session, connection, running, created, look_ups, now)
        await _rename(connection, updated, now)
        versions = dict.fromkeys((each.row.id for each in created), 1)
        touched = [each.lead_id for each in updated]
        if touched:
            versions |= {
                each["lead_id"]: each["version"] for each in await connection.fetch(_VERSIONS, touched)
            }
    await connection.copy_records_to_table(
        "lead_import_rows",
        columns=_ROWS,
        records=(
            (running.id, each.row.row, each.identity, each.outcome, each.lead_id, versions.get(each.lead_id))
            for each in judged
        ),
    )
    rejections = [*batch.rejections, *duplicates]
    await connection.copy_records_to_table(
        "lead_import_errors", columns=_ERRORS, records=((running.id, *each) for each in rejections)
    )
    return Counts(
        created=len(created),
        updated=len(updated),
        unchanged=len(judged) - len(created) - len(updated),
        duplicates=len(duplicates),
        refused=len({each.row for each in batch.rejections}),
        look_ups=look_ups,
    )


async def _judge(
    connection: asyncpg.Connection, running: LeadImport, salt: bytes, rows: Sequence[Row]
) -> tuple[list[_Judged], list[Rejection]]:
    """Say what is to become of each row; the second list holds those that stand there twice."""
    known = await connection.fetch(
        _KNOWN,
        running.id,
        salt,
        [each.row for each in rows],
        [each.email for each in rows],
        [each.registrable_domain or each.domain for each in rows],
    )
    judged: list[_Judged] = []
    duplicates: list[Rejection] = []
    seen: dict[bytes, int] = {}
    updates = running.options.existing is Existing.UPDATE
    for row, found in zip(rows, known, strict=True):
        identity: bytes = found["identity"]
        earlier = found["earlier"] or seen.setdefault(identity, row.row)
        if earlier != row.row:
            column = running.columns.get("email", "")
            reason = f"repeats row {earlier}"
            duplicates.append(Rejection(row.row, "email", column, row.email, reason, person(row.email)))
        elif found["id"] is None:
            new = None if running.options.dry_run else row.id
            judged.append(_Judged(row, identity, Outcome.CREATED, new))
        elif updates and row.name not in ("", found["name"]):
            judged.append(_Judged(row, identity, Outcome.UPDATED, found["id"], found["name"]))
        else:
            judged.append(_Judged(row, identity, Outcome.UNCHANGED, found["id"]))
    return judged, duplicates


async def _create(
    session: AsyncSession,
    connection: asyncpg.Connection,
    running: LeadImport,
    created: Sequence[_Judged],
    look_ups: int,
    now: datetime,
) -> None:
    by = running.created_by
    tasks = [EnrichmentTask(each.row.id, by).to_bytes() for each in created[:look_ups]]
    jobs = map(int, await enqueue_all(session, ENRICH_LEAD, tasks, priority=PRIORITY))
    records = (
        (row.id, row.email, row.domain, row.name, False, "PENDING", job, 0, "", by, now, now, running.id,
         row.registrable_domain, job and by)
        for row, job in itertools.zip_longest((each.row for each in created), jobs)
    )  # fmt: skip
    try:
        await connection.copy_records_to_table("leads", columns=_LEADS, records=records)
    except asyncpg.UniqueViolationError as error:
        raise Aborted("Somebody else created one of these leads at the same time. Retry.") from error


async def _rename(connection: asyncpg.Connection, updated: Sequence[_Judged], now: datetime) -> None:
    if not updated:
        return
    # In one order always, so that two imports wait for each other instead of stopping each other.
    ordered = sorted(updated, key=lambda each: each.lead_id or each.row.id)
    renamed = await connection.fetch(
        _RENAME,
        [each.lead_id for each in ordered],
        [each.old_name for each in ordered],
        [each.row.name for each in ordered],
        now,
    )
    if len(renamed) < len(updated):
        raise Aborted("Somebody else changed one of these leads at the same time. Retry.")


async def undo(
    session: AsyncSession, import_id: UUID, after_row: int, size: int, now: datetime
) -> tuple[int, int, int]:
    """Take the next rows back; returns the last of them (0: there were none), how many, and conflicts."""
    connection = await driver_connection(session)
    await connection.execute(_SETTINGS)
    found: list[Any] = await connection.fetch(_UNDOABLE, import_id, after_row, size)
    if not found:
        return 0, 0, 0
    await connection.execute(_LOCK, [each["lead_id"] for each in found])
    touched = {
        each["row"]
        for each in await connection.fetch(
            _TOUCHED,
            [each["row"] for each in found],
            [each["lead_id"] for each in found],
            [each["audit_version"] for each in found],
        )
    }
    free = [each for each in found if each["row"] not in touched]
    await connection.execute(
        _DELETE, [each["lead_id"] for each in free if each["outcome"] == Outcome.CREATED], now
    )
    updated = [each for each in free if each["outcome"] == Outcome.UPDATED]
    await connection.execute(
        _RESTORE, [each["lead_id"] for each in updated], [each["audit_version"] for each in updated], now
    )
    await connection.execute(_CONFLICT, import_id, sorted(touched))
    return found[-1]["row"], len(free), len(touched)
