"""Promise: erasures are followed by the same rules in PostgreSQL and in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from report_service.deliveries import OutboxStores
from report_service.domain import ERASED, Pdf, Report, ReportStores
from report_service.erasure.domain import ErasureStores
from report_service.erasure.memory import MemoryErasureStore
from report_service.erasure.repository import PostgresErasureStore
from report_service.memory import Memory
from report_service.memory.state import MemoryUnitsOfWork
from report_service.outbox import PostgresOutboxStore
from report_service.records import Erasure
from report_service.repository import PostgresReportStore
from report_service.session import ReportSession
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.ids import uuid7
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report

LEASE = timedelta(seconds=30)


@dataclass
class Stores:
    """What an erasure reaches in this context."""

    reports: ReportStores
    outbox: OutboxStores
    erasures: ErasureStores

    async def queued(self, **values: object) -> Report:
        report = a_report(**values)
        async with self.reports.write() as store:
            await store.add(report, b'{"note":"hello"}')
        return report

    async def running(self, **values: object) -> Report:
        report = await self.queued(**values)
        async with self.reports.write() as store:
            await store.claim(report.id, NOON)
        return report

    async def completed(self, pdf: Pdf | None = None, **values: object) -> Report:
        report = await self.running(**values)
        async with self.reports.write() as store:
            pdf = pdf or a_pdf(report.id.bytes)
            assert await store.complete(report.id, 1, pdf, a_capture(), NOON)
        return report

    async def delivered(self) -> None:
        async with self.outbox.write() as outbox:
            for each in await outbox.claim(9, LEASE):
                await outbox.acknowledge(each.report_id)

    async def erased(self, report: Report, number: int = 1) -> Erasure:
        erasure = Erasure(number, report.lead_id, "grace", NOON)
        async with self.erasures.write() as store:
            await store.add([erasure])
        return erasure

    async def due(self) -> list[UUID]:
        async with self.erasures.read() as store:
            return [each.lead_id for each in await store.due(9)]

    async def settled(self, report: Report) -> bool:
        async with self.erasures.read() as store:
            return await store.is_settled(report.lead_id)

    async def blank(self, report: Report) -> int:
        async with self.erasures.write() as store:
            return await store.blank(report.lead_id, NOON)

    async def get(self, report: Report) -> Report:
        async with self.reports.read() as store:
            return await store.get(report.id)


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "memory" else str(request.getfixturevalue("report_database").url)


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    if not url:
        memory = Memory()
        erasures = MemoryUnitsOfWork(memory, MemoryErasureStore)
        yield Stores(memory.reports_stores(), memory.outbox_stores(), erasures)
        return
    database = Database(url, name="test", session_class=ReportSession)
    yield Stores(
        UnitsOfWork(database, PostgresReportStore),
        UnitsOfWork(database, PostgresOutboxStore),
        UnitsOfWork(database, PostgresErasureStore),
    )
    await database.close()


async def test_erasures_are_known_once_and_the_last_is_where_to_go_on(stores: Stores) -> None:
    async with stores.erasures.read() as store:
        assert await store.latest() == 0
    found = [Erasure(number, uuid7(), "grace", NOON) for number in (1, 2, 3)]
    for some in (found[:2], found):
        async with stores.erasures.write() as store:
            await store.add(some)
    async with stores.erasures.read() as store:
        assert await store.latest() == 3
        assert await store.due(9) == found
        assert await store.due(2) == found[:2]


async def test_what_was_put_off_is_not_due_and_what_is_held_is_counted_apart(stores: Stores) -> None:
    report = await stores.completed()
    await stores.erased(report)
    async with stores.erasures.write() as store:
        await store.put_off(report.lead_id, timedelta(hours=1), held=True)
    assert await stores.due() == []
    async with stores.erasures.write() as store:
        left = await store.unfinished()
        assert (left.waiting, left.held, left.oldest_seconds) == (1, 1, 0)
        await store.put_off(report.lead_id, timedelta(seconds=-1), held=False)
    assert await stores.due() == [report.lead_id]
    async with stores.erasures.read() as store:
        left = await store.unfinished()
    assert (left.waiting, left.held) == (1, 0)
    assert left.oldest_seconds != 0


async def test_a_lead_is_settled_once_nothing_of_it_is_under_way(stores: Stores) -> None:
    report = await stores.queued()
    assert not await stores.settled(report)
    async with stores.reports.write() as store:
        await store.claim(report.id, NOON)
    assert not await stores.settled(report)
    async with stores.reports.write() as store:
        await store.complete(report.id, 1, a_pdf(), a_capture(), NOON)
    assert not await stores.settled(report)
    await stores.delivered()
    assert await stores.settled(report)


async def test_a_dead_letter_does_not_keep_a_lead_from_being_settled(stores: Stores) -> None:
    report = await stores.completed()
    async with stores.outbox.write() as outbox:
        await outbox.claim(1, LEASE)
        await outbox.bury(report.id, 1, "no")
    assert await stores.settled(report)
    async with stores.erasures.read() as store:
        assert await store.dead_letters(report.lead_id) == [report.id]


@pytest.mark.parametrize(("ago", "settled"), [(5, False), (90, True)])
async def test_a_report_that_was_cancelled_in_its_middle_counts_for_a_minute(
    stores: Stores, ago: int, settled: bool
) -> None:
    report = await stores.running()
    async with stores.reports.write() as store:
        await store.cancel(report.id, utc_now() - timedelta(seconds=ago))
    assert await stores.settled(report) == settled


async def test_objects_are_found_even_if_their_report_came_to_nothing(stores: Stores) -> None:
    lost = await stores.running()
    kept = await stores.completed(lead_id=lost.lead_id)
    async with stores.reports.write() as store:
        assert await store.advance(lost.id, 1, "store", 85, "sha256/lost")
        await store.cancel(lost.id, NOON)
    async with stores.erasures.read() as store:
        keys = await store.object_keys(lost.lead_id)
    assert sorted(keys) == sorted(["sha256/lost", a_pdf(kept.id.bytes).object_key])


async def test_an_object_that_another_lead_has_too_is_left(stores: Stores) -> None:
    mine = await stores.completed(a_pdf())
    await stores.completed(a_pdf())
    async with stores.erasures.read() as store:
        assert await store.object_keys(mine.lead_id) == []


async def test_a_blanked_report_says_nothing_of_its_lead_and_keeps_its_digests(stores: Stores) -> None:
    completed = await stores.completed()
    failed = await stores.running(lead_id=completed.lead_id)
    async with stores.reports.write() as store:
        await store.fail(failed.id, 1, "hello@example.com is bad.", a_capture(), NOON)
    await stores.delivered()
    await stores.erased(completed)
    before = await stores.get(completed)
    assert await stores.blank(completed) == 2
    after = await stores.get(completed)
    assert (after.domain, after.error, after.erased_at) == ("", "", NOON)
    assert after.pdf == before.pdf
    assert (await stores.get(failed)).error == ERASED
    async with stores.reports.read() as store:
        assert await store.assessment_data(completed.id) is None
    assert await stores.due() == []
    async with stores.erasures.read() as store:
        assert await store.object_keys(completed.lead_id) == []
        assert (await store.unfinished()).waiting == 0


async def test_what_appears_for_an_erased_lead_later_is_due_again(stores: Stores) -> None:
    report = await stores.completed()
    await stores.delivered()
    await stores.erased(report)
    await stores.blank(report)
    late = await stores.queued(lead_id=report.lead_id)
    assert await stores.due() == [report.lead_id]
    assert not await stores.settled(late)
