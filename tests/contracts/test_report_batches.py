"""Promise: many reports are asked for at once, each ends for itself, and all come in one file."""

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import pytest
from google.rpc import error_details_pb2

from protos.leadfactory.report.v1 import report_pb2 as pb
from report_service.batch import Batch, BatchStores, LeadSelection
from report_service.batch_repository import PostgresBatchStore
from report_service.domain import Pdf, Report, ReportFilter, Status
from report_service.memory import Memory
from report_service.session import ReportSession
from services.database import Database, UnitsOfWork
from services.errors import NotFound
from services.ids import uuid7
from tests.contracts.test_report_servicer import BUNDLE, LEAD, Service, detail, violations
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import Reply, TestingServer
from tests.report_service.builders import NOON, a_report

LATER = NOON + timedelta(hours=1)

# What the stores keep.


@dataclass
class Stores:
    batches: BatchStores
    superuser_url: str


@pytest.fixture(params=["memory", "postgres"])
def found(request: pytest.FixtureRequest) -> TestDatabase | None:
    if request.param == "memory":
        return None
    database: TestDatabase = request.getfixturevalue("report_database")
    return database


@pytest.fixture
async def stores(found: TestDatabase | None) -> AsyncIterator[Stores]:
    if found is None:
        yield Stores(Memory().batch_stores(), "")
        return
    database = Database(found.url, name="test", session_class=ReportSession)
    yield Stores(UnitsOfWork(database, PostgresBatchStore), found.superuser_url)
    await database.close()


def a_batch(size: int) -> tuple[Batch, list[Report]]:
    batch = Batch(uuid7(), "website_audit@1.0.0", "en", "run", size, "ada", NOON)
    return batch, [a_report(batch_id=batch.id, batch_position=each) for each in range(1, size + 1)]


async def added(stores: Stores, size: int = 5) -> tuple[Batch, list[Report]]:
    batch, reports = a_batch(size)
    async with stores.batches.write() as store:
        await store.add_batch(batch, reports)
    return batch, reports


async def test_a_batch_is_found_with_its_reports_in_order(stores: Stores) -> None:
    batch, reports = await added(stores)
    await added(stores)
    async with stores.batches.read() as store:
        progress = await store.batch(batch.id)
        first = await store.batch_reports(batch.id, 3, 0)
        rest = await store.batch_reports(batch.id, 3, first[-1].batch_position)
        listed = await store.page(ReportFilter(batch_id=batch.id), 10, None)
    assert progress.batch == batch
    assert progress.counts == {Status.QUEUED: 5}
    assert [*first, *rest] == reports
    assert {each.id for each in listed} == {each.id for each in reports}


async def test_batches_are_listed_newest_first_each_with_its_own_counts(stores: Stores) -> None:
    made = [await added(stores, size) for size in (1, 2, 3)]
    newest = [batch for batch, _ in reversed(made)]
    async with stores.batches.write() as store:
        await store.cancel_batch(newest[0].id, LATER)
    async with stores.batches.read() as store:
        first = await store.batch_page(2, None)
        rest = await store.batch_page(2, first[-1].batch.id)
    assert [each.batch for each in [*first, *rest]] == newest
    assert [each.counts for each in first] == [{Status.CANCELLED: 3}, {Status.QUEUED: 2}]
    assert [each.counts for each in rest] == [{Status.QUEUED: 1}]


async def test_an_unknown_batch_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound):
        async with stores.batches.read() as store:
            await store.batch(uuid7())


async def test_batches_have_a_queue_of_their_own(stores: Stores) -> None:
    await added(stores)
    async with stores.batches.write() as store:
        await store.add(a_report(), None)
    async with stores.batches.read() as store:
        assert (await store.count_queued(), await store.count_queued(batched=True)) == (1, 5)


async def test_cancelling_a_batch_spares_what_has_ended(stores: Stores) -> None:
    batch, reports = await added(stores)
    async with stores.batches.write() as store:
        await store.claim(reports[0].id, NOON)
        await store.fail(reports[0].id, 1, "no", None, NOON)
        await store.claim(reports[1].id, NOON)
    async with stores.batches.write() as store:
        assert await store.cancel_batch(batch.id, LATER) == 4
    async with stores.batches.read() as store:
        progress = await store.batch(batch.id)
    assert progress.counts == {Status.FAILED: 1, Status.CANCELLED: 4}
    assert progress.is_ended


async def test_a_single_report_overtakes_a_batch(stores: Stores) -> None:
    if not stores.superuser_url:
        pytest.skip("the queue in memory has no order")
    _, reports = await added(stores)
    single = a_report()
    async with stores.batches.write() as store:
        await store.add(single, None)
    connection = await asyncpg.connect(stores.superuser_url)
    rows = await connection.fetch("SELECT payload, dedupe_key FROM pgqueuer ORDER BY priority DESC, id")
    await connection.close()
    expected = [single.id, *(each.id for each in reports)]
    assert [UUID(row["payload"].decode()) for row in rows] == expected
    assert [UUID(row["dedupe_key"]) for row in rows] == expected


# What the RPCs promise.


@pytest.fixture
def service(testing_server: Callable[..., TestingServer]) -> Service:
    return Service(testing_server)


def generate(service: Service, count: int = 3, **values: Any) -> Reply:
    leads = [str(uuid7()) for _ in range(count)]
    return service.call("GenerateReports", pb.GenerateReportsRequest(lead_ids=leads, **values))


def reason(reply: Reply) -> str:
    return str(detail(reply, error_details_pb2.ErrorInfo()).reason)


def test_a_report_is_queued_for_each_lead(service: Service) -> None:
    leads = [str(uuid7()) for _ in range(3)]
    request = pb.GenerateReportsRequest(lead_ids=[*leads, leads[0]], locale="en-GB", pipeline_run_id="run/7")
    batch = service.call("GenerateReports", request).message
    assert (batch.size, batch.queued, batch.progress, batch.zip_url) == (3, 3, 0, "")
    assert (batch.template_version_id, batch.locale) == (BUNDLE.template_version_id, "en-GB")
    assert (batch.pipeline_run_id, batch.created_by) == ("run/7", "ada")
    listed = service.call("ListReports", pb.ListReportsRequest(batch_id=batch.id)).message.reports
    assert {each.lead_id for each in listed} == set(leads)
    assert {(each.batch_id, each.pipeline_run_id) for each in listed} == {(batch.id, "run/7")}
    assert len(service.memory.jobs) == 3


def test_an_unknown_lead_does_not_hold_up_the_others(service: Service) -> None:
    service.leads.known = set()
    assert generate(service).message.size == 3


def test_a_filter_is_resolved_with_all_that_it_says(service: Service) -> None:
    service.leads.selected = [uuid7(), uuid7()]
    chosen = pb.LeadFilter(q="shop", domain="example.com", is_manual=False, enrichment_status="COMPLETED")
    chosen.created_after.FromDatetime(NOON)
    batch = service.call("GenerateReports", pb.GenerateReportsRequest(filter=chosen)).message
    assert batch.size == 2
    assert service.leads.selections == [
        LeadSelection("shop", "example.com", False, "COMPLETED", created_after=NOON)
    ]


@pytest.mark.parametrize(
    "request_",
    [
        pb.GenerateReportsRequest(),
        pb.GenerateReportsRequest(lead_ids=[LEAD], filter=pb.LeadFilter()),
    ],
)
def test_either_leads_or_a_filter_are_wanted(service: Service, request_: Any) -> None:
    assert violations(service.call("GenerateReports", request_)) == ["lead_ids"]


@pytest.mark.parametrize(("count", "expected"), [(0, "BATCH_EMPTY"), (6, "BATCH_TOO_LARGE")])
def test_nothing_and_too_much_are_refused(service: Service, count: int, expected: str) -> None:
    service.leads.selected = [uuid7() for _ in range(count)]
    request = pb.GenerateReportsRequest(filter=pb.LeadFilter())
    assert reason(service.call("GenerateReports", request)) == expected
    if count:
        assert reason(generate(service, count)) == expected
    assert service.memory.jobs == []


def test_a_full_queue_of_batches_says_when_to_ask_again(service: Service) -> None:
    assert generate(service, 5).code is grpc.StatusCode.OK
    reply = generate(service, 4)
    assert reply.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason(reply) == "REPORT_QUEUE_FULL"
    assert detail(reply, error_details_pb2.RetryInfo()).retry_delay.seconds > 0
    assert len(service.memory.jobs) == 5
    # Single reports have a queue of their own.
    single = service.call("GenerateReport", pb.GenerateReportRequest(lead_id=LEAD))
    assert single.code is grpc.StatusCode.OK


def test_the_same_request_again_gets_the_same_batch(service: Service) -> None:
    request = pb.GenerateReportsRequest(lead_ids=[LEAD], request_id="batch-1")
    first = service.call("GenerateReports", request).message
    assert service.call("GenerateReports", request).message == first
    request.locale = "en-GB"
    assert reason(service.call("GenerateReports", request)) == "IDEMPOTENCY_KEY_REUSED"
    assert len(service.memory.jobs) == 1


def test_batches_are_paged_by_tokens_of_their_own(service: Service) -> None:
    batches = [generate(service, size).message for size in (1, 2, 3)]
    page = service.call("ListReportBatches", pb.ListReportBatchesRequest(page_size=2)).message
    assert list(page.report_batches) == [batches[2], batches[1]]
    request = pb.ListReportBatchesRequest(page_size=2, page_token=page.next_page_token)
    last = service.call("ListReportBatches", request).message
    assert (list(last.report_batches), last.next_page_token) == ([batches[0]], "")
    foreign = service.call("ListReports", pb.ListReportsRequest(page_size=1)).message.next_page_token
    refused = service.call("ListReportBatches", pb.ListReportBatchesRequest(page_token=foreign))
    assert violations(refused) == ["page_token"]


def test_a_cancelled_batch_has_ended(service: Service) -> None:
    batch = generate(service).message
    told = service.call("CancelReportBatch", pb.CancelReportBatchRequest(id=batch.id)).message
    assert (told.cancelled, told.queued, told.progress) == (3, 0, 100)
    assert told.zip_url == f"/api/report-batches/{batch.id}/zip"
    watched = service.call("WatchReportBatch", pb.WatchReportBatchRequest(id=batch.id))
    assert watched.messages == [told]


@pytest.mark.parametrize(
    "method", ["GetReportBatch", "WatchReportBatch", "CancelReportBatch", "DownloadReportBatch"]
)
def test_a_batch_that_there_is_not_is_not_found(service: Service, method: str) -> None:
    request = getattr(pb, f"{method}Request")(id=str(uuid7()))
    assert service.call(method, request).code is grpc.StatusCode.NOT_FOUND


def end(service: Service, batch_id: str, pdfs: list[bytes]) -> list[Report]:
    """Complete as many reports of a batch as there are PDFs, and fail the rest."""
    reports = [each for each in service.memory.reports.values() if str(each.batch_id) == batch_id]
    for number, report in enumerate(sorted(reports, key=lambda each: each.batch_position)):
        pdf = None
        if number < len(pdfs):
            digest = hashlib.sha256(pdfs[number]).hexdigest()
            pdf = Pdf(digest, len(pdfs[number]), 2, digest)
            service.objects.kept[digest] = pdfs[number]
        service.memory.reports[report.id] = replace(
            report,
            status=Status.COMPLETED if pdf else Status.FAILED,
            error="" if pdf else "There is no lead.",
            pdf=pdf,
            render_time=NOON,
        )
    return [service.memory.reports[each.id] for each in reports]


def test_the_zip_holds_every_pdf_and_says_what_became_of_every_report(service: Service) -> None:
    batch = generate(service, 3).message
    pdfs = [b"%PDF-1.7 one" * 40_000, b"%PDF-1.7 two"]
    reports = end(service, batch.id, pdfs)
    reply = service.call("DownloadReportBatch", pb.DownloadReportBatchRequest(id=batch.id))
    assert reply.code is grpc.StatusCode.OK, reply.details
    assert reply.messages[0].content_type == "application/zip"
    assert max(len(each.data) for each in reply.messages) <= 64 * 1024
    packed = b"".join(each.data for each in reply.messages)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        kept = [archive.read(name) for name in names[:2]]
    assert names == ["0001-example.com-2026-11-21.pdf", "0002-example.com-2026-11-21.pdf", "manifest.json"]
    assert kept == pdfs
    assert manifest["batch_id"] == batch.id
    assert [each["report_id"] for each in manifest["reports"]] == [str(each.id) for each in reports]
    assert [each.get("sha256") for each in manifest["reports"]] == [
        *(hashlib.sha256(each).hexdigest() for each in pdfs),
        None,
    ]
    assert manifest["reports"][2]["error"] == "There is no lead."
    again = service.call("DownloadReportBatch", pb.DownloadReportBatchRequest(id=batch.id))
    assert b"".join(each.data for each in again.messages) == packed


def test_there_is_no_zip_until_every_report_has_ended(service: Service) -> None:
    batch = generate(service).message
    reply = service.call("DownloadReportBatch", pb.DownloadReportBatchRequest(id=batch.id))
    assert reply.code is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(reply) == "BATCH_NOT_ENDED"


def test_a_batch_in_which_all_failed_is_a_manifest_alone(service: Service) -> None:
    batch = generate(service).message
    end(service, batch.id, [])
    reply = service.call("DownloadReportBatch", pb.DownloadReportBatchRequest(id=batch.id))
    with zipfile.ZipFile(io.BytesIO(b"".join(each.data for each in reply.messages))) as archive:
        assert archive.namelist() == ["manifest.json"]
