"""Promise: on PostgreSQL nothing in the outbox is skipped or sent twice, in whatever order things commit."""

import asyncio
from uuid import UUID

import asyncpg

from report_service.deliveries import OutboxStores
from report_service.domain import ReportStores
from report_service.relay import Relay
from report_service.repository import PostgresReportStore
from services.database import Database
from tests.fixtures.postgres import TestDatabase
from tests.report_service import stubs
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report


async def begun(stores: ReportStores) -> UUID:
    report = a_report()
    async with stores.write() as store:
        await store.add(report, None)
        await store.claim(report.id, NOON)
    return report.id


async def completed(stores: ReportStores) -> UUID:
    report_id = await begun(stores)
    async with stores.write() as store:
        await store.complete(report_id, 1, a_pdf(), a_capture(), NOON)
    return report_id


async def drained(relay: Relay) -> None:
    while await relay.start_due():
        await relay.idle()


async def test_two_relays_share_the_work_and_send_nothing_twice(
    report_stores: ReportStores, outbox_stores: OutboxStores
) -> None:
    ids = [await completed(report_stores) for _ in range(30)]
    lineages = stubs.Lineages()
    await asyncio.gather(*(drained(Relay(outbox_stores, lineages)) for _ in range(2)))
    assert sorted(lineages.calls) == sorted(ids)
    async with outbox_stores.read() as outbox:
        assert (await outbox.backlog()).waiting == 0


async def test_what_commits_late_is_not_skipped(
    database: Database, report_stores: ReportStores, outbox_stores: OutboxStores
) -> None:
    lineages = stubs.Lineages()
    relay = Relay(outbox_stores, lineages)
    early = await begun(report_stores)
    async with database.write() as session:
        await PostgresReportStore(session).complete(early, 1, a_pdf(), a_capture(), NOON)
        later = {await completed(report_stores) for _ in range(3)}
        await drained(relay)
        assert set(lineages.recorded) == later
    await drained(relay)
    assert set(lineages.recorded) == {early, *later}


async def test_a_trigger_that_fails_leaves_nothing_half_written(
    report_database: TestDatabase, report_stores: ReportStores, outbox_stores: OutboxStores
) -> None:
    report_id = await begun(report_stores)
    connection = await asyncpg.connect(report_database.superuser_url)
    await connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'full'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON lineage_outbox FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    try:
        await asyncio.gather(report_complete(report_stores, report_id), return_exceptions=True)
        row = await connection.fetchrow("SELECT status, pdf_sha256 FROM reports")
        assert tuple(row) == ("RUNNING", None)
    finally:
        await connection.execute("DROP TRIGGER refuse ON lineage_outbox")
        await connection.close()
    await report_complete(report_stores, report_id)
    lineages = stubs.Lineages()
    await drained(Relay(outbox_stores, lineages))
    assert list(lineages.recorded) == [report_id]


async def report_complete(stores: ReportStores, report_id: UUID) -> None:
    async with stores.write() as store:
        assert await store.complete(report_id, 1, a_pdf(), a_capture(), NOON)
