"""Promise: what assurances rest on is the same in PostgreSQL and in memory; environments are kept once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import pytest

from report_service.assurance.domain import AssuranceStores, Completed, Environment
from report_service.assurance.environments import EnvironmentKeeper
from report_service.assurance.memory import MemoryAssuranceStore
from report_service.assurance.repository import PostgresAssuranceStore
from report_service.batch import Batch, BatchStores, Reissue
from report_service.batch_repository import PostgresBatchStore
from report_service.deliveries import Capture
from report_service.domain import LineageStatus, Report, ReportFilter
from report_service.memory import Memory
from report_service.memory.state import MemoryUnitsOfWork
from report_service.records import Window
from report_service.rendering import environment
from report_service.session import ReportSession
from services.database import Database, UnitsOfWork
from services.ids import uuid7
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report

IDS = count(1)
HERE = Environment(environment.digest(), environment.describe())


@dataclass
class Stores:
    """Reports in batches, and what is asked of them later."""

    reports: BatchStores
    assurances: AssuranceStores

    async def queued(self, **values: object) -> Report:
        # Ids of the same millisecond are in no order.
        report = a_report(**{"id": UUID(int=next(IDS)), **values})
        async with self.reports.write() as store:
            await store.add(report, b'{"a":1}')
        return report

    async def completed(self, capture: Capture | None = None, **values: object) -> Report:
        report = await self.queued(**values)
        await self.complete(report, capture)
        return report

    async def complete(self, report: Report, capture: Capture | None = None) -> None:
        async with self.reports.write() as store:
            await store.claim(report.id, NOON)
            assert await store.complete(report.id, 1, a_pdf(), capture, NOON)


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "memory" else str(request.getfixturevalue("report_database").url)


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    if not url:
        memory = Memory()
        yield Stores(memory.batch_stores(), MemoryUnitsOfWork(memory, MemoryAssuranceStore))
        return
    database = Database(url, name="test", session_class=ReportSession)
    yield Stores(UnitsOfWork(database, PostgresBatchStore), UnitsOfWork(database, PostgresAssuranceStore))
    await database.close()


async def test_an_environment_is_kept_with_its_parts_and_never_changed(stores: Stores) -> None:
    async with stores.assurances.read() as store:
        assert await store.environment(HERE.digest) is None
    stop = asyncio.Event()
    keeper = asyncio.create_task(EnvironmentKeeper(stores.assurances, HERE).run(stop))
    while not keeper.done():
        async with stores.assurances.read() as store:
            if await store.environment(HERE.digest):
                stop.set()
        await asyncio.sleep(0.01)
    async with stores.assurances.write() as store:
        await store.remember_environment(Environment(HERE.digest, {"pango": "other"}))
        assert await store.environment(HERE.digest) == HERE.parts


async def test_completed_reports_are_listed_by_id_within_a_window(stores: Stores) -> None:
    waits = await stores.completed(a_capture())
    without = await stores.completed()
    await stores.queued()
    last = await stores.completed()
    every = [
        Completed(waits.id, LineageStatus.PENDING, True),
        Completed(without.id, LineageStatus.DISABLED, False),
        Completed(last.id, LineageStatus.DISABLED, False),
    ]
    async with stores.assurances.read() as store:
        assert await store.completed(Window(), 9) == every
        assert await store.completed(Window(), 2) == every[:2]
        assert await store.completed(Window(waits.id, last.id), 9) == every[1:2]
        assert await store.completed_among([last.id, uuid7()]) == every[2:]


async def reissuable(stores: Stores, wanted: Reissue, limit: int = 9) -> list[Report]:
    async with stores.reports.read() as store:
        return list(await store.reissuable(wanted, limit))


async def test_what_may_be_issued_again_is_found_by_all_that_is_asked(stores: Stores) -> None:
    old = await stores.completed(template_version_id="a@1.0.0", template_digest="01" * 32)
    other = await stores.completed(template_version_id="a@1.0.0", template_digest="02" * 32)
    await stores.queued(template_version_id="a@1.0.0")
    by_version = Reissue(template_version_id="a@1.0.0")
    assert [each.id for each in await reissuable(stores, by_version)] == [old.id, other.id]
    assert [each.id for each in await reissuable(stores, by_version, 1)] == [old.id]
    both = Reissue("a@1.0.0", "02" * 32)
    assert [each.id for each in await reissuable(stores, both)] == [other.id]
    assert [each.id for each in await reissuable(stores, Reissue(report_ids=(old.id,)))] == [old.id]
    async with stores.reports.read() as store:
        page = await store.page(ReportFilter(template_digest="01" * 32), 9, None)
        assert [each.id for each in page] == [old.id]
        assert await store.estimate(ReportFilter(template_version_id="a@1.0.0")) == 3


async def test_who_stands_in_for_a_report_has_what_the_caller_gave_and_is_named_once_completed(
    stores: Stores,
) -> None:
    old = await stores.completed()
    batch = Batch(uuid7(), "website_audit@2.0.0", "en", "run", 1, "ada", NOON)
    new = a_report(supersedes=old.id, batch_id=batch.id, batch_position=1)
    async with stores.reports.write() as store:
        await store.add_batch(batch, [new])
        assert await store.assessment_data(new.id) == b'{"a":1}'
        assert (await store.get(new.id)).supersedes == old.id
        assert (await store.get(old.id)).superseded_by is None
    assert await reissuable(stores, Reissue(report_ids=(old.id,))) == []
    await stores.complete(new)
    async with stores.reports.read() as store:
        assert (await store.get(old.id)).superseded_by == new.id
        assert (await store.page(ReportFilter(lead_id=old.lead_id), 9, None))[0].superseded_by == new.id
    assert await reissuable(stores, Reissue(report_ids=(old.id,))) == []


async def test_one_that_came_to_nothing_does_not_keep_a_report_from_being_issued_again(
    stores: Stores,
) -> None:
    old = await stores.completed()
    new = await stores.queued(supersedes=old.id)
    async with stores.reports.write() as store:
        await store.cancel(new.id, NOON)
    assert [each.id for each in await reissuable(stores, Reissue(report_ids=(old.id,)))] == [old.id]
