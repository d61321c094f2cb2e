"""Promise: reports keep the same rules in PostgreSQL and in memory."""

from contextlib import suppress
from uuid import UUID

import pytest

from report_service.domain import LineageStatus, ReportFilter, Status
from services.errors import NotFound
from services.ids import uuid7
from tests.contracts.report_store.conftest import (
    LATER,
    LEASE,
    Stores,
    add,
    claim,
    complete,
    completed,
    failed,
    get,
)
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report


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


async def test_reports_in_the_list_are_those_that_are_read_alone(stores: Stores) -> None:
    report = await completed(stores)
    await add(stores, a_report(id=uuid7()), b"{}")
    async with stores.reports.read() as store:
        listed = await store.page(ReportFilter(status=Status.COMPLETED), 5, None)
    assert listed == [await get(stores, report)]
