"""Promise: reports and their outbox keep the same rules in PostgreSQL and in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from report_service.deliveries import Capture, Decision, OutboxStores, Verdict
from report_service.domain import LineageStatus, Pdf, Report, ReportFilter, ReportStores, Status
from report_service.memory import Memory
from report_service.outbox import PostgresOutboxStore
from report_service.repository import PostgresReportStore
from report_service.session import ReportSession
from services.database import Database, UnitsOfWork
from services.errors import NotFound
from services.ids import uuid7
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report

LATER = NOON + timedelta(hours=1)
LEASE = timedelta(seconds=30)
EXPIRED = timedelta(seconds=-30)


@dataclass
class Stores:
    """Both stores of one context, and how to lose its jobs."""

    reports: ReportStores
    outbox: OutboxStores
    memory: Memory | None
    superuser_url: str

    async def jobs(self) -> list[UUID]:
        """Return the reports that a job stands for."""
        if self.memory:
            return list(self.memory.jobs)
        connection = await asyncpg.connect(self.superuser_url)
        found = await connection.fetch("SELECT payload FROM pgqueuer")
        await connection.close()
        return [UUID(row["payload"].decode()) for row in found]

    async def lose_jobs(self) -> None:
        if self.memory:
            self.memory.jobs.clear()
            return
        connection = await asyncpg.connect(self.superuser_url)
        await connection.execute("DELETE FROM pgqueuer")
        await connection.close()


@pytest.fixture(params=["memory", "postgres"])
def urls(request: pytest.FixtureRequest) -> tuple[str, str]:
    if request.param == "memory":
        return "", ""
    database = request.getfixturevalue("report_database")
    return database.url, database.superuser_url


@pytest.fixture
async def stores(urls: tuple[str, str]) -> AsyncIterator[Stores]:
    url, superuser_url = urls
    if not url:
        memory = Memory()
        yield Stores(memory.reports_stores(), memory.outbox_stores(), memory, "")
        return
    database = Database(url, name="test", session_class=ReportSession)
    yield Stores(
        UnitsOfWork(database, PostgresReportStore),
        UnitsOfWork(database, PostgresOutboxStore),
        None,
        superuser_url,
    )
    await database.close()


async def add(stores: Stores, report: Report, assessment_data: bytes | None = None) -> Report:
    async with stores.reports.write() as store:
        await store.add(report, assessment_data)
    return report


async def get(stores: Stores, report: Report) -> Report:
    async with stores.reports.read() as store:
        return await store.get(report.id)


async def claim(stores: Stores, report: Report) -> int:
    async with stores.reports.write() as store:
        assignment = await store.claim(report.id, LATER)
    assert assignment is not None
    return assignment.report.attempts


async def complete(
    stores: Stores, report: Report, attempt: int, capture: Capture | None, pdf: Pdf | None = None
) -> bool:
    async with stores.reports.write() as store:
        return await store.complete(report.id, attempt, pdf or a_pdf(), capture, LATER)


async def completed(stores: Stores, capture: Capture | None = None) -> Report:
    report = await add(stores, a_report())
    attempt = await claim(stores, report)
    assert await complete(stores, report, attempt, capture or a_capture())
    return report


async def test_what_was_added_is_found_with_every_fact_and_has_a_job(stores: Stores) -> None:
    report = await add(stores, a_report())
    assert await get(stores, report) == report
    assert await stores.jobs() == [report.id]


async def test_neither_report_nor_job_is_left_of_a_unit_of_work_that_broke(stores: Stores) -> None:
    report = a_report()
    with suppress(ZeroDivisionError):
        async with stores.reports.write() as store:
            await store.add(report, None)
            raise ZeroDivisionError
    with pytest.raises(NotFound):
        await get(stores, report)
    assert await stores.jobs() == []


async def test_an_unknown_report_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound) as caught:
        await get(stores, a_report())
    assert caught.value.metadata["resource"] == "report"


async def test_only_what_waits_is_counted_as_queued(stores: Stores) -> None:
    first = await add(stores, a_report())
    await add(stores, a_report())
    await claim(stores, first)
    async with stores.reports.read() as store:
        assert await store.count_queued() == 1


async def test_pages_show_every_report_once_newest_first(stores: Stores) -> None:
    reports = [await add(stores, a_report()) for _ in range(5)]
    expected = sorted((each.id for each in reports), reverse=True)
    shown: list[UUID] = []
    async with stores.reports.read() as store:
        while page := await store.page(ReportFilter(), 2, shown[-1] if shown else None):
            shown += [each.id for each in page]
        assert await store.estimate(ReportFilter()) == 5
    assert shown == expected


async def test_a_filter_shows_only_what_matches(stores: Stores) -> None:
    wanted = await add(stores, a_report())
    other = await add(stores, a_report())
    await claim(stores, other)
    async with stores.reports.read() as store:
        by_lead = await store.page(ReportFilter(lead_id=wanted.lead_id), 10, None)
        by_status = await store.page(ReportFilter(status=Status.RUNNING), 10, None)
        neither = await store.page(ReportFilter(wanted.lead_id, Status.RUNNING), 10, None)
        assert await store.estimate(ReportFilter(lead_id=wanted.lead_id)) == 1
    assert [each.id for each in by_lead] == [wanted.id]
    assert [each.id for each in by_status] == [other.id]
    assert neither == []


async def test_a_claim_begins_an_attempt_and_hands_over_the_callers_data(stores: Stores) -> None:
    report = await add(stores, a_report(), b'{"a":1}')
    async with stores.reports.write() as store:
        assignment = await store.claim(report.id, LATER)
    assert assignment is not None
    assert assignment.assessment_data == b'{"a":1}'
    assert assignment.report.status is Status.RUNNING
    assert assignment.report.attempts == 1


async def test_the_date_that_a_pdf_bears_is_that_of_the_first_attempt(stores: Stores) -> None:
    report = await add(stores, a_report())
    async with stores.reports.write() as store:
        await store.claim(report.id, NOON)
    async with stores.reports.write() as store:
        assignment = await store.claim(report.id, LATER)
    assert assignment is not None
    assert assignment.report.render_time == NOON.replace(microsecond=0)
    assert assignment.report.attempts == 2


async def test_an_outdated_attempt_changes_nothing(stores: Stores) -> None:
    report = await add(stores, a_report())
    outdated = await claim(stores, report)
    await claim(stores, report)
    before = await get(stores, report)
    async with stores.reports.write() as store:
        assert not await store.advance(report.id, outdated, "render", 50)
        assert not await store.fail(report.id, outdated, "late", None, LATER)
        assert not await store.complete(report.id, outdated, a_pdf(), a_capture(), LATER)
    assert await get(stores, report) == before


async def test_progress_is_seen_by_others(stores: Stores) -> None:
    report = await add(stores, a_report())
    attempt = await claim(stores, report)
    async with stores.reports.write() as store:
        assert await store.advance(report.id, attempt, "render", 40)
    seen = await get(stores, report)
    assert (seen.step, seen.progress) == ("render", 40)


async def test_a_completed_report_has_its_pdf_and_its_capture_waits(stores: Stores) -> None:
    report = await completed(stores)
    seen = await get(stores, report)
    assert seen.status is Status.COMPLETED
    assert seen.lineage_status is LineageStatus.PENDING
    assert seen.pdf == a_pdf()
    assert seen.completed_at == LATER
    assert seen.progress == 100
    assert seen.filename == "example.com-2026-11-21.pdf"
    async with stores.outbox.read() as outbox:
        assert (await outbox.backlog()).waiting == 1


async def test_a_report_completes_once(stores: Stores) -> None:
    report = await completed(stores)
    before = await get(stores, report)
    assert not await complete(stores, report, before.attempts, a_capture(), a_pdf(b"another"))
    async with stores.reports.write() as store:
        assert await store.claim(report.id, LATER) is None
        assert not await store.fail(report.id, before.attempts, "late", None, LATER)
        assert not await store.advance(report.id, before.attempts, "render", 1)
    assert await get(stores, report) == before


async def test_a_report_completed_without_a_capture_says_so(stores: Stores) -> None:
    report = await add(stores, a_report())
    assert await complete(stores, report, await claim(stores, report), None)
    assert (await get(stores, report)).lineage_status is LineageStatus.DISABLED
    async with stores.outbox.read() as outbox:
        assert (await outbox.backlog()).waiting == 0


async def test_a_failed_report_says_why_and_is_not_begun_again(stores: Stores) -> None:
    report = await add(stores, a_report())
    attempt = await claim(stores, report)
    async with stores.reports.write() as store:
        assert await store.fail(report.id, attempt, "The lead is gone.", None, LATER)
        assert await store.claim(report.id, LATER) is None
    seen = await get(stores, report)
    assert (seen.status, seen.error, seen.completed_at) == (Status.FAILED, "The lead is gone.", LATER)


async def failed(stores: Stores) -> Report:
    report = await add(stores, a_report())
    attempt = await claim(stores, report)
    async with stores.reports.write() as store:
        assert await store.fail(report.id, attempt, "The lead is gone.", a_capture(), LATER)
    return report


async def test_a_failed_report_is_delivered_too_and_has_no_pdf(stores: Stores) -> None:
    report = await failed(stores)
    assert (await get(stores, report)).lineage_status is LineageStatus.PENDING
    async with stores.outbox.write() as outbox:
        (delivery,) = await outbox.claim(4, LEASE)
        assert await outbox.acknowledge(report.id)
    assert (delivery.report_id, delivery.pdf_sha256) == (report.id, None)
    assert delivery.capture == a_capture()
    assert (await get(stores, report)).lineage_status is LineageStatus.RECORDED


async def test_a_report_that_failed_without_a_capture_says_so(stores: Stores) -> None:
    report = await add(stores, a_report())
    attempt = await claim(stores, report)
    async with stores.reports.write() as store:
        assert await store.fail(report.id, attempt, "No.", None, LATER)
    assert (await get(stores, report)).lineage_status is LineageStatus.DISABLED


async def test_a_report_whose_job_was_lost_gets_another(stores: Stores) -> None:
    queued, running = await add(stores, a_report()), await add(stores, a_report())
    await claim(stores, running)
    await completed(stores)
    await stores.lose_jobs()
    async with stores.reports.write() as store:
        assert await store.requeue_unattended(10) == 2
    async with stores.reports.write() as store:
        assert await store.requeue_unattended(10) == 0
    assert sorted(await stores.jobs()) == sorted([queued.id, running.id])


async def test_every_change_is_a_new_version(stores: Stores) -> None:
    report = await add(stores, a_report())
    attempt = await claim(stores, report)
    assert (await get(stores, report)).version == 2
    await complete(stores, report, attempt, a_capture())
    assert (await get(stores, report)).version == 3


async def test_a_delivery_says_everything_about_its_report(stores: Stores) -> None:
    capture = a_capture(b'{"a":1}' * 500, limit=200)
    report = await completed(stores, capture)
    async with stores.outbox.write() as outbox:
        (delivery,) = await outbox.claim(4, LEASE)
    assert delivery.capture == capture
    assert (delivery.report_id, delivery.lineage_id) == (report.id, report.lineage_id)
    assert (delivery.lead_id, delivery.pipeline_run_id) == (report.lead_id, report.pipeline_run_id)
    assert delivery.template_version_id == report.template_version_id
    assert delivery.template_digest == report.template_digest
    assert delivery.pdf_sha256 == a_pdf().sha256
    assert delivery.created_by == "ada"
    assert delivery.attempt == 1


async def test_a_leased_delivery_is_held_back_until_the_lease_ends(stores: Stores) -> None:
    await completed(stores)
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(4, EXPIRED)) == 1
    async with stores.outbox.write() as outbox:
        (again,) = await outbox.claim(4, LEASE)
    assert again.attempt == 2
    async with stores.outbox.write() as outbox:
        assert await outbox.claim(4, LEASE, eager=True) == []


async def test_a_claim_takes_no_more_than_asked_for(stores: Stores) -> None:
    for _ in range(3):
        await completed(stores)
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(2, LEASE)) == 2
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(2, LEASE)) == 1


async def test_two_relays_never_hold_the_same_delivery(stores: Stores) -> None:
    for _ in range(8):
        await completed(stores)

    async def take() -> list[UUID]:
        async with stores.outbox.write() as outbox:
            return [each.report_id for each in await outbox.claim(3, LEASE)]

    taken = [each for some in await asyncio.gather(*(take() for _ in range(4))) for each in some]
    assert len(taken) == len(set(taken)) >= 6


async def test_an_acknowledged_delivery_is_gone_and_its_report_recorded(stores: Stores) -> None:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        await outbox.claim(1, LEASE)
        assert await outbox.acknowledge(report.id)
    async with stores.outbox.write() as outbox:
        assert not await outbox.acknowledge(report.id)
        assert (await outbox.backlog()).waiting == 0
    assert (await get(stores, report)).lineage_status is LineageStatus.RECORDED


async def test_a_postponed_delivery_waits_unless_somebody_is_eager(stores: Stores) -> None:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        (delivery,) = await outbox.claim(1, LEASE)
        await outbox.postpone(report.id, delivery.attempt, timedelta(seconds=60), "UNAVAILABLE")
    async with stores.outbox.write() as outbox:
        assert await outbox.claim(1, LEASE) == []
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(1, LEASE, eager=True)) == 1


async def test_hastened_deliveries_are_due(stores: Stores) -> None:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        (delivery,) = await outbox.claim(1, LEASE)
        await outbox.postpone(report.id, delivery.attempt, timedelta(seconds=60), "UNAVAILABLE")
        await outbox.hasten()
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(1, LEASE)) == 1


async def test_a_buried_delivery_is_kept_counted_apart_and_never_claimed(stores: Stores) -> None:
    report = await completed(stores)
    await completed(stores)
    async with stores.outbox.write() as outbox:
        for each in await outbox.claim(4, LEASE):
            if each.report_id == report.id:
                await outbox.bury(report.id, each.attempt, "INVALID_ARGUMENT: no")
    async with stores.outbox.write() as outbox:
        await outbox.hasten()
        assert await outbox.claim(4, LEASE, eager=True) == []
        backlog = await outbox.backlog()
    assert (backlog.waiting, backlog.dead) == (1, 1)
    assert backlog.oldest_seconds >= 0
    assert (await get(stores, report)).lineage_status is LineageStatus.PENDING


async def buried(stores: Stores) -> Report:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        for each in await outbox.claim(9, LEASE):
            await outbox.bury(each.report_id, each.attempt, "INVALID_ARGUMENT: no")
    return report


async def test_dead_letters_are_listed_newest_first_with_what_is_known(stores: Stores) -> None:
    # Ids made within a millisecond are in no order.
    dead = sorted([await buried(stores) for _ in range(3)], key=lambda each: each.id)
    await completed(stores)
    async with stores.outbox.read() as outbox:
        first = await outbox.dead_letters(2, None)
        rest = await outbox.dead_letters(2, first[-1].report_id)
    assert [each.report_id for each in (*first, *rest)] == [each.id for each in reversed(dead)]
    letter, report = first[0], dead[-1]
    assert (letter.lineage_id, letter.lead_id, letter.created_by) == (
        *(report.lineage_id, report.lead_id),
        "ada",
    )
    assert (letter.pdf_sha256, letter.inputs_sha256) == (a_pdf().sha256, a_capture().inputs_sha256)
    assert (letter.attempts, letter.reason) == (1, "INVALID_ARGUMENT: no")
    assert letter.dead_at >= letter.created_at


async def decide(stores: Stores, report: Report, verdict: Verdict) -> bool:
    async with stores.outbox.write() as outbox:
        return await outbox.decide(Decision(report.id, verdict, "grace", LATER, "mended"))


async def test_a_redriven_dead_letter_is_due_at_once(stores: Stores) -> None:
    report = await buried(stores)
    assert await decide(stores, report, Verdict.REDRIVE)
    async with stores.outbox.write() as outbox:
        (delivery,) = await outbox.claim(4, LEASE)
        assert (await outbox.backlog()).dead == 0
        assert await outbox.dead_letters(5, None) == []
    assert (delivery.report_id, delivery.attempt) == (report.id, 2)


async def test_a_discarded_dead_letter_is_gone_and_its_report_says_so(stores: Stores) -> None:
    report = await buried(stores)
    assert await decide(stores, report, Verdict.DISCARD)
    assert (await get(stores, report)).lineage_status is LineageStatus.DISCARDED
    async with stores.outbox.write() as outbox:
        backlog = await outbox.backlog()
        assert await outbox.claim(4, LEASE, eager=True) == []
    assert (backlog.waiting, backlog.dead) == (0, 0)


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_nothing_is_decided_about_what_is_not_dead(stores: Stores, verdict: Verdict) -> None:
    assert not await decide(stores, await completed(stores), verdict)
    assert not await decide(stores, a_report(), verdict)
    async with stores.outbox.read() as outbox:
        assert (await outbox.backlog()).waiting == 1


async def test_the_dead_do_not_age_the_backlog(stores: Stores) -> None:
    await buried(stores)
    async with stores.outbox.read() as outbox:
        assert (await outbox.backlog()).oldest_seconds == 0


async def test_an_outdated_lease_neither_postpones_nor_buries(stores: Stores) -> None:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        (outdated,) = await outbox.claim(1, EXPIRED)
    async with stores.outbox.write() as outbox:
        await outbox.claim(1, EXPIRED)
        await outbox.bury(report.id, outdated.attempt, "late")
        await outbox.postpone(report.id, outdated.attempt, timedelta(seconds=60), "late")
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(1, LEASE)) == 1
        assert (await outbox.backlog()).dead == 0


async def test_the_age_of_an_empty_outbox_is_zero(stores: Stores) -> None:
    async with stores.outbox.read() as outbox:
        backlog = await outbox.backlog()
    assert (backlog.waiting, backlog.dead, backlog.oldest_seconds) == (0, 0, 0)


async def test_the_lease_of_a_large_payload_is_longer(stores: Stores) -> None:
    large = replace(a_capture(), raw_inputs=bytes(40 * 1024 * 1024))
    await completed(stores, large)
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(1, timedelta(seconds=-30))) == 1
    async with stores.outbox.write() as outbox:
        assert await outbox.claim(1, LEASE) == []


async def test_reports_in_the_list_are_those_that_are_read_alone(stores: Stores) -> None:
    report = await completed(stores)
    await add(stores, a_report(id=uuid7()), b"{}")
    async with stores.reports.read() as store:
        listed = await store.page(ReportFilter(status=Status.COMPLETED), 5, None)
    assert listed == [await get(stores, report)]
