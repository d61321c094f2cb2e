"""Imports in PostgreSQL. What their batches do to leads is in ``import_batches``."""

import os
from collections.abc import Collection
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select, text, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service import import_batches
from lead_service.audit import Action
from lead_service.audit_repository import PostgresAuditStore
from lead_service.imports import (
    Batch,
    Conflict,
    Counts,
    Existing,
    LeadImport,
    Options,
    Rejection,
    State,
    another_file,
    taken_over,
)
from lead_service.quota import STANDARD, Quota
from lead_service.tables import ImportedRow, ImportErrorRow, ImportRow
from services.errors import Aborted, NotFound

_SALT_BYTES: Final = 16
_TIDY_ROWS: Final = text("""
DELETE FROM lead_import_rows WHERE ctid = ANY(ARRAY(
    SELECT each.ctid FROM lead_imports JOIN lead_import_rows AS each ON each.import_id = lead_imports.id
     WHERE lead_imports.dry_run AND lead_imports.ended_at IS NOT NULL LIMIT :limit)) RETURNING 1
""")
_TIDY_ERRORS: Final = text("""
DELETE FROM lead_import_errors WHERE ctid = ANY(ARRAY(
    SELECT each.ctid FROM lead_imports JOIN lead_import_errors AS each ON each.import_id = lead_imports.id
     WHERE lead_imports.created_at < :before LIMIT :limit)) RETURNING 1
""")


class PostgresImportStore:
    """Imports inside one transaction. See ImportStore for what each method promises."""

    def __init__(self, session: AsyncSession, quota: Quota = STANDARD) -> None:
        """Speak in the session's transaction; look-ups are asked for within the quota."""
        self._session = session
        self._quota = quota

    async def find(self, created_by: str, request_id: str) -> LeadImport | None:
        """See ImportStore."""
        row = await self._session.scalar(_named(created_by, request_id))
        return None if row is None else _import(row)

    async def begin(self, wanted: LeadImport) -> LeadImport:
        """See ImportStore."""
        added = await self._session.scalar(
            postgresql.insert(ImportRow)
            .values(**_new(wanted))
            .on_conflict_do_nothing()
            .returning(ImportRow.id)
        )
        if added is not None:
            if not wanted.options.dry_run:
                await self._note(Action.IMPORT, wanted.id)
            return wanted
        known = await self._session.scalar(
            _named(wanted.created_by, wanted.options.request_id).with_for_update()
        )
        if known is None or known.id != wanted.id or known.last_row != wanted.last_row:
            raise Aborted("The same request went on at the same time. Retry.")
        if known.state not in (State.RUNNING, State.FAILED):
            raise another_file()
        known.state, known.runner, known.error, known.ended_at = "RUNNING", wanted.runner, "", None
        known.seen_at = func.now()
        await self._session.flush()
        await self._session.refresh(known)
        return _import(known)

    async def write(self, running: LeadImport, batch: Batch, now: datetime) -> LeadImport:
        """See ImportStore. The import is locked first, so that one batch is written after the other."""
        row = await self._session.scalar(_running(running).with_for_update())
        if row is None:
            raise taken_over()
        rows = [each for each in batch.rows if each.row > row.last_row]
        rejections = [each for each in batch.rejections if each.row > row.last_row]
        assert row.salt is not None, "the salt goes when the file is read"
        counts = await import_batches.write(
            self._session,
            running,
            row.salt,
            replace(batch, rows=rows, rejections=rejections),
            now,
            self._quota,
        )
        for name, count in asdict(counts).items():
            setattr(row, name, getattr(row, name) + count)
        row.last_row, row.content_sha256, row.seen_at = batch.last_row, batch.content_sha256, now
        await self._session.flush()
        return _import(row)

    async def end(self, running: LeadImport, state: State, error: str, now: datetime) -> LeadImport | None:
        """See ImportStore."""
        row = await self._session.scalar(_running(running).with_for_update())
        if row is None:
            return None
        row.state, row.error, row.ended_at, row.seen_at = state, error[:1000], now, now
        if state is State.COMPLETED:
            row.salt = None
        await self._session.flush()
        return _import(row)

    async def get(self, import_id: UUID) -> LeadImport:
        """See ImportStore."""
        return _import(await self._row(import_id))

    async def get_for_change(self, import_id: UUID) -> LeadImport:
        """See ImportStore."""
        return _import(await self._row(import_id, held=True))

    async def page(self, created_by: str | None, size: int, after: UUID | None) -> list[LeadImport]:
        """See ImportStore. Ids are in the order of creation."""
        statement = select(ImportRow).order_by(ImportRow.id.desc()).limit(size)
        if created_by is not None:
            statement = statement.where(ImportRow.created_by == created_by)
        if after is not None:
            statement = statement.where(ImportRow.id < after)
        return list(map(_import, await self._session.scalars(statement)))

    async def rejections(self, import_id: UUID, size: int, after: tuple[int, str]) -> list[Rejection]:
        """See ImportStore."""
        place = tuple_(ImportErrorRow.row, ImportErrorRow.field)
        rows = await self._session.execute(
            select(
                ImportErrorRow.row,
                ImportErrorRow.field,
                ImportErrorRow.header,
                ImportErrorRow.value,
                ImportErrorRow.reason,
            )
            .where(ImportErrorRow.import_id == import_id, place > after)
            .order_by(ImportErrorRow.row, ImportErrorRow.field)
            .limit(size)
        )
        return [Rejection(*row) for row in rows]

    async def begin_undo(self, import_id: UUID, undone_by: str, now: datetime) -> LeadImport:
        """See ImportStore."""
        row = await self._row(import_id)
        row.state, row.undone_by, row.seen_at, row.salt = State.UNDOING, undone_by, now, None
        await self._session.flush()
        await self._note(Action.UNDO, import_id)
        return _import(row)

    async def undo_some(self, import_id: UUID, size: int, now: datetime) -> LeadImport:
        """See ImportStore."""
        row = await self._row(import_id, held=True)
        if row.state != State.UNDOING:
            return _import(row)
        last, undone, conflicts = await import_batches.undo(self._session, import_id, row.undo_row, size, now)
        row.seen_at = now
        if last:
            row.undo_row, row.undone, row.conflicts = last, row.undone + undone, row.conflicts + conflicts
        else:
            row.state, row.undone_at = State.UNDONE, now
        await self._session.flush()
        return _import(row)

    async def conflicts(self, import_id: UUID, size: int, after_row: int) -> list[Conflict]:
        """See ImportStore."""
        rows = await self._session.execute(
            select(ImportedRow.row, ImportedRow.lead_id)
            .where(ImportedRow.import_id == import_id, ImportedRow.conflict, ImportedRow.row > after_row)
            .order_by(ImportedRow.row)
            .limit(size)
        )
        return [Conflict(row, lead_id) for row, lead_id in rows if lead_id is not None]

    async def fail_lost(self, before: datetime, now: datetime) -> Collection[UUID]:
        """See ImportStore."""
        error = "The server that read the file was lost. Send the file again to go on."
        lost = await self._session.scalars(
            update(ImportRow)
            .where(ImportRow.state == State.RUNNING, ImportRow.seen_at < before)
            .values(state=State.FAILED, error=error, ended_at=now)
            .returning(ImportRow.id)
        )
        return lost.all()

    async def undos_lost(self, before: datetime) -> Collection[LeadImport]:
        """See ImportStore."""
        rows = await self._session.scalars(
            select(ImportRow).where(ImportRow.state == State.UNDOING, ImportRow.seen_at < before)
        )
        return list(map(_import, rows))

    async def tidy(self, errors_before: datetime, limit: int) -> int:
        """See ImportStore."""
        rows = (await self._session.execute(_TIDY_ROWS, {"limit": limit})).all()
        errors = await self._session.execute(_TIDY_ERRORS, {"limit": limit, "before": errors_before})
        return len(rows) + len(errors.all())

    async def _row(self, import_id: UUID, *, held: bool = False) -> ImportRow:
        statement = select(ImportRow).where(ImportRow.id == import_id)
        row = await self._session.scalar(statement.with_for_update() if held else statement)
        if row is None:
            raise NotFound("import", str(import_id))
        return row

    async def _note(self, action: Action, import_id: UUID) -> None:
        await PostgresAuditStore(self._session).note(action, None, "OK", f"import {import_id}")


def _named(created_by: str, request_id: str) -> Select[ImportRow]:
    return select(ImportRow).where(
        ImportRow.created_by == created_by, ImportRow.request_id == request_id, ImportRow.request_id != ""
    )


def _running(running: LeadImport) -> Select[ImportRow]:
    return select(ImportRow).where(
        ImportRow.id == running.id, ImportRow.runner == running.runner, ImportRow.state == State.RUNNING
    )


def _new(wanted: LeadImport) -> dict[str, Any]:
    options = wanted.options
    return {
        **asdict(wanted.counts),
        "id": wanted.id,
        "state": State.RUNNING,
        "filename": options.filename,
        "existing": options.existing,
        "dry_run": options.dry_run,
        "enrich": options.enrich,
        "wanted_columns": dict(options.columns),
        "columns": dict(wanted.columns),
        "ignored_columns": list(wanted.ignored_columns),
        "request_id": options.request_id,
        "runner": wanted.runner,
        "salt": os.urandom(_SALT_BYTES),
        "last_row": 0,
        "content_sha256": b"",
        "error": "",
        "created_by": wanted.created_by,
        "created_at": wanted.created_at,
        "seen_at": wanted.created_at,
        "undo_row": 0,
        "undone": 0,
        "conflicts": 0,
        "undone_by": "",
    }


def _import(row: ImportRow) -> LeadImport:
    return LeadImport(
        id=row.id,
        state=State(row.state),
        options=Options(
            row.wanted_columns,
            Existing(row.existing),
            row.dry_run,
            row.enrich,
            row.request_id,
            row.filename,
        ),
        columns=row.columns,
        ignored_columns=row.ignored_columns,
        created_by=row.created_by,
        created_at=row.created_at,
        runner=row.runner,
        counts=Counts(row.created, row.updated, row.unchanged, row.duplicates, row.refused, row.look_ups),
        last_row=row.last_row,
        content_sha256=row.content_sha256,
        error=row.error,
        ended_at=row.ended_at,
        undone=row.undone,
        conflicts=row.conflicts,
        undone_by=row.undone_by,
        undone_at=row.undone_at,
    )
