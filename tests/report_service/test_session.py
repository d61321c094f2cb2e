"""Promise: no report is completed without its lineage, whatever statement tries.

The listener keeps it for the unit of work; the database's own triggers keep it for everything else.
"""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, event, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from report_service import session as session_module
from report_service.domain import LineageStatus, Report, ReportStores, Status
from report_service.session import ReportSession, UncapturedReport
from report_service.tables import LineageOutboxRow, ReportRow
from services import migrations
from services.database import Database
from tests.fixtures.postgres import Postgres
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report

ENDED: dict[str, Any] = {
    "status": Status.COMPLETED,
    "pdf_sha256": a_pdf().sha256,
    "pdf_size_bytes": 10,
    "page_count": 2,
    "object_key": "sha256/ab/ab",
    "completed_at": NOON,
}


@pytest.fixture
async def running(report_stores: ReportStores) -> Report:
    """A report that a worker has begun."""
    return await begun(report_stores)


async def begun(stores: ReportStores) -> Report:
    report = a_report()
    async with stores.write() as store:
        await store.add(report, None)
        assignment = await store.claim(report.id, NOON)
    assert assignment is not None
    return assignment.report


async def completed(stores: ReportStores) -> Report:
    report = await begun(stores)
    async with stores.write() as store:
        assert await store.complete(report.id, 1, a_pdf(), a_capture(), NOON)
    return report


async def outbox(database: Database) -> list[UUID]:
    async with database.read() as session:
        return list(await session.scalars(select(LineageOutboxRow.report_id)))


async def status(database: Database, report: Report) -> tuple[str, str]:
    async with database.read() as session:
        found = select(ReportRow.status, ReportRow.lineage_status).where(ReportRow.id == report.id)
        row = (await session.execute(found)).one()
        return row[0], row[1]


def row_of(report: Report, **values: Any) -> dict[str, Any]:
    return {
        "id": report.id,
        "lineage_id": report.lineage_id,
        "lead_id": report.lead_id,
        "domain": report.domain,
        "pipeline_run_id": report.pipeline_run_id,
        "template_version_id": report.template_version_id,
        "template_digest": report.template_digest,
        "locale": "en",
        "status": "QUEUED",
        "progress": 0,
        "step": "",
        "error": "",
        "attempts": 1,
        "lineage_status": "PENDING",
        "created_by": "ada",
        "created_at": NOON,
        "render_time": NOON,
        **values,
    }


async def test_a_row_completed_through_the_orm_brings_its_capture(
    database: Database, running: Report
) -> None:
    async with database.write() as session:
        row = await session.get_one(ReportRow, running.id)
        row.capture = a_capture()
        for name, value in ENDED.items():
            setattr(row, name, value)
    assert await status(database, running) == ("COMPLETED", "PENDING")
    assert await outbox(database) == [running.id]


async def test_a_row_completed_without_a_capture_is_refused(database: Database, running: Report) -> None:
    with pytest.raises(UncapturedReport):
        async with database.write() as session:
            row = await session.get_one(ReportRow, running.id)
            for name, value in ENDED.items():
                setattr(row, name, value)
    assert await status(database, running) == ("RUNNING", "PENDING")


async def test_a_new_row_that_is_completed_already_needs_a_capture_too(database: Database) -> None:
    report = a_report()
    with pytest.raises(UncapturedReport):
        async with database.write() as session:
            session.add(ReportRow(**row_of(report, **ENDED)))
    async with database.write() as session:
        row = ReportRow(**row_of(report, **ENDED))
        row.capture = a_capture()
        session.add(row)
    assert await outbox(database) == [report.id]


async def test_a_row_marked_as_made_without_lineage_needs_none(database: Database, running: Report) -> None:
    async with database.write() as session:
        row = await session.get_one(ReportRow, running.id)
        row.lineage_status = LineageStatus.DISABLED
        for name, value in ENDED.items():
            setattr(row, name, value)
    assert await status(database, running) == ("COMPLETED", "DISABLED")
    assert await outbox(database) == []


async def test_a_capture_is_rolled_back_with_its_report(database: Database, running: Report) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write() as session:
            row = await session.get_one(ReportRow, running.id)
            row.capture = a_capture()
            for name, value in ENDED.items():
                setattr(row, name, value)
            await session.flush()
            raise ZeroDivisionError
    assert await status(database, running) == ("RUNNING", "PENDING")
    assert await outbox(database) == []


async def refuse(database: Database, statement: Any, constraint: str, **values: Any) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.write() as session:
            await session.execute(statement, values)
    assert caught.value.orig is not None
    assert getattr(caught.value.orig.__cause__, "constraint_name", None) == constraint


async def test_a_bulk_update_cannot_complete(database: Database, running: Report) -> None:
    statement = update(ReportRow).where(ReportRow.id == running.id).values(**ENDED)
    await refuse(database, statement, "reports_lineage_is_captured")
    assert await status(database, running) == ("RUNNING", "PENDING")


async def test_a_bulk_update_of_many_cannot_complete_one(database: Database, running: Report) -> None:
    with pytest.raises(DBAPIError):
        async with database.write() as session:
            await session.execute(update(ReportRow), [{"id": running.id, **ENDED}])


async def test_written_sql_cannot_complete(database: Database, running: Report) -> None:
    statement = text(
        "UPDATE reports SET status = 'COMPLETED', pdf_sha256 = :digest, pdf_size_bytes = 1, page_count = 1,"
        " object_key = 'k', completed_at = now() WHERE id = :id"
    )
    await refuse(database, statement, "reports_lineage_is_captured", id=running.id, digest="ab" * 32)


async def test_a_bulk_insert_cannot_complete(database: Database) -> None:
    statement = insert(ReportRow).values(row_of(a_report(), **ENDED))
    await refuse(database, statement, "reports_lineage_is_captured")


@pytest.mark.parametrize("known", [True, False])
async def test_nothing_is_recorded_that_was_not_captured(
    database: Database, running: Report, known: bool
) -> None:
    recorded = {**ENDED, "lineage_status": "RECORDED"}
    statement: Any = insert(ReportRow).values(row_of(a_report(), **recorded))
    if known:
        statement = update(ReportRow).where(ReportRow.id == running.id).values(**recorded)
    await refuse(database, statement, "reports_recorded_was_captured")


async def test_a_capture_cannot_be_taken_back(database: Database, report_stores: ReportStores) -> None:
    report = await completed(report_stores)
    await refuse(database, delete(LineageOutboxRow), "lineage_outbox_is_delivered")
    assert await outbox(database) == [report.id]


async def test_a_capture_cannot_be_left_behind(database: Database, report_stores: ReportStores) -> None:
    await completed(report_stores)
    for other, constraint in (
        ("RECORDED", "reports_lineage_is_captured"),
        ("DISABLED", "reports_lineage_is_final"),
        ("NONE", "reports_lineage_is_final"),
        ("DISCARDED", "reports_recorded_was_captured"),
    ):
        await refuse(database, update(ReportRow).values(lineage_status=other), constraint)


async def test_a_recorded_report_gets_no_second_capture(
    database: Database, report_stores: ReportStores
) -> None:
    report = await completed(report_stores)
    async with database.write() as session:
        copy = (await session.execute(select(LineageOutboxRow.__table__))).mappings().one()
        await session.execute(update(ReportRow).values(lineage_status="RECORDED"))
        await session.execute(delete(LineageOutboxRow))
    assert await status(database, report) == ("COMPLETED", "RECORDED")
    await refuse(database, insert(LineageOutboxRow).values(**copy), "lineage_outbox_is_pending")


async def test_a_row_that_fails_without_a_capture_is_refused(database: Database, running: Report) -> None:
    with pytest.raises(UncapturedReport):
        async with database.write() as session:
            row = await session.get_one(ReportRow, running.id)
            row.status, row.error = Status.FAILED, "no"
    await refuse(
        database, update(ReportRow).values(status="FAILED", error="x"), "reports_lineage_is_captured"
    )


async def test_nothing_is_captured_of_a_report_that_goes_on(
    database: Database, report_stores: ReportStores, running: Report
) -> None:
    await completed(report_stores)
    async with database.read() as session:
        copy = dict((await session.execute(select(LineageOutboxRow.__table__))).mappings().one())
    copy["report_id"] = running.id
    await refuse(database, insert(LineageOutboxRow).values(copy), "lineage_outbox_is_pending")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "FAILED", "error": "x"},
        {"status": "QUEUED"},
        {"pdf_sha256": "ef" * 32},
        {"object_key": "other"},
        {"page_count": 99},
        {"completed_at": None},
        {"error": "an afterthought"},
        {"attempts": 7},
    ],
)
async def test_a_report_that_has_ended_is_final(
    database: Database, report_stores: ReportStores, change: dict[str, Any]
) -> None:
    await completed(report_stores)
    await refuse(database, update(ReportRow).values(**change), "reports_ended_is_final")


async def test_a_recorded_report_stays_recorded(database: Database, report_stores: ReportStores) -> None:
    await completed(report_stores)
    async with database.write() as session:
        await session.execute(update(ReportRow).values(lineage_status="RECORDED"))
        await session.execute(delete(LineageOutboxRow))
    for other in ("DISABLED", "PENDING", "DISCARDED", "NONE"):
        await refuse(database, update(ReportRow).values(lineage_status=other), "reports_lineage_is_final")


async def test_nothing_is_discarded_without_a_decision_about_a_dead_letter(
    database: Database, report_stores: ReportStores
) -> None:
    await completed(report_stores)
    discarded = update(ReportRow).values(lineage_status="DISCARDED")
    await refuse(database, discarded, "reports_recorded_was_captured")
    async with database.write() as session:
        await session.execute(update(LineageOutboxRow).values(dead_at=NOON))
    with pytest.raises(DBAPIError) as caught:
        async with database.write() as session:
            await session.execute(discarded)
            await session.execute(delete(LineageOutboxRow))
    assert "neither recorded nor discarded" in str(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reports SET lead_id = gen_random_uuid()",
        "UPDATE reports SET template_digest = repeat('a', 64)",
        "UPDATE lineage_outbox SET raw_inputs = ''",
        "DELETE FROM reports",
        "TRUNCATE lineage_outbox CASCADE",
        "UPDATE dead_letter_decisions SET reason = ''",
        "DELETE FROM dead_letter_decisions",
        "UPDATE requests SET made = gen_random_uuid()",
        "ALTER TABLE reports DISABLE TRIGGER ALL",
        "DROP TRIGGER reports_guard ON reports",
    ],
)
async def test_the_application_has_no_right_to(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.write() as session:
            await session.execute(text(statement))
    assert caught.value.orig is not None
    assert type(caught.value.orig.__cause__).__name__ == "InsufficientPrivilegeError"


async def test_completed_is_recorded_plus_waiting_plus_disabled(
    database: Database, report_stores: ReportStores
) -> None:
    for _ in range(3):
        await completed(report_stores)
    without = await begun(report_stores)
    async with report_stores.write() as store:
        await store.complete(without.id, 1, a_pdf(), None, NOON)
    first = (await outbox(database))[0]
    async with database.write() as session:
        await session.execute(
            update(ReportRow).where(ReportRow.id == first).values(lineage_status="RECORDED")
        )
        await session.execute(delete(LineageOutboxRow).where(LineageOutboxRow.report_id == first))
    async with database.read() as session:
        counted = await session.execute(
            text(
                "SELECT count(*) FILTER (WHERE status = 'COMPLETED'),"
                " count(*) FILTER (WHERE lineage_status = 'RECORDED'),"
                " count(*) FILTER (WHERE lineage_status = 'DISABLED'),"
                " (SELECT count(*) FROM lineage_outbox) FROM reports"
            )
        )
        assert tuple(counted.one()) == (4, 1, 1, 2)


async def test_the_listener_stands_on_our_session_class_alone(report_database: Any) -> None:
    listener = session_module._put_capture_into_outbox
    assert event.contains(ReportSession, "before_flush", listener)
    assert not event.contains(Session, "before_flush", listener)
    for _ in range(3):
        opened = Database(report_database.url, name="test", session_class=ReportSession)
        async with opened.read() as session:
            assert isinstance(session.sync_session, ReportSession)
            assert len(list(session.sync_session.dispatch.before_flush)) == 1
        await opened.close()


async def test_a_plain_session_cannot_break_the_promise_either(
    database: Database, report_stores: ReportStores, running: Report
) -> None:
    engine = create_async_engine(database.url.replace("postgresql:", "postgresql+asyncpg:"))
    with pytest.raises(DBAPIError):
        async with AsyncSession(engine) as session, session.begin():
            row = await session.get_one(ReportRow, running.id)
            for name, value in ENDED.items():
                setattr(row, name, value)
    await engine.dispose()
    assert await status(database, running) == ("RUNNING", "PENDING")


def test_the_schema_can_be_taken_back_and_made_again(postgres: Postgres) -> None:
    empty = postgres.empty("report")
    migrations.upgrade("report_service", empty.owner_url)
    migrations.downgrade("report_service", empty.owner_url, "base")
    migrations.upgrade("report_service", empty.owner_url)
    postgres.drop(empty)
