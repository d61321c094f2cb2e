"""Promise: a request counts once however often it is sent, and what nobody wants any more ends."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2

from protos.leadfactory.report.v1 import report_pb2 as pb
from report_service.domain import LineageStatus, RequestKey, Status
from services.errors import FailedPrecondition
from services.ids import uuid7
from tests.contracts.report_store.conftest import LATER, Stores, add, claim, completed, failed, get
from tests.contracts.test_report_servicer import BUNDLE, LEAD, Service, detail
from tests.fixtures.rpc import TestingServer
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report

KEY = RequestKey("ada", "GenerateReport", "order-1", "ab" * 32)


@pytest.fixture
def service(testing_server: Callable[..., TestingServer]) -> Service:
    return Service(testing_server)


def reason(reply: Any) -> str:
    return str(detail(reply, error_details_pb2.ErrorInfo()).reason)


# What the stores keep.


@pytest.mark.parametrize("begun", [False, True])
async def test_a_cancelled_report_has_ended_and_no_attempt_goes_on(stores: Stores, begun: bool) -> None:
    report = await add(stores, a_report())
    attempt = await claim(stores, report) if begun else 0
    async with stores.reports.write() as store:
        assert await store.cancel(report.id, LATER)
    async with stores.reports.write() as store:
        assert not await store.cancel(report.id, LATER)
        assert await store.claim(report.id, LATER) is None
        assert not await store.advance(report.id, attempt, "render", 50)
        assert not await store.complete(report.id, attempt, a_pdf(), a_capture(), LATER)
        assert not await store.fail(report.id, attempt, "late", a_capture(), LATER)
        assert await store.count_queued() == 0
    seen = await get(stores, report)
    assert (seen.status, seen.lineage_status, seen.completed_at) == (
        Status.CANCELLED,
        LineageStatus.NONE,
        LATER,
    )


async def test_what_has_ended_is_not_cancelled(stores: Stores) -> None:
    for report in (await completed(stores), await failed(stores), a_report()):
        async with stores.reports.write() as store:
            assert not await store.cancel(report.id, LATER)


async def test_a_cancelled_report_needs_no_job(stores: Stores) -> None:
    report = await add(stores, a_report())
    await stores.lose_jobs()
    async with stores.reports.write() as store:
        await store.cancel(report.id, LATER)
        assert await store.requeue_unattended(10) == 0


async def test_a_request_that_is_remembered_has_its_first_answer(stores: Stores) -> None:
    first, second = uuid7(), uuid7()
    async with stores.reports.write() as store:
        assert await store.first_answer(KEY) is None
        assert await store.remember(KEY, first, NOON) == first
    async with stores.reports.write() as store:
        assert await store.first_answer(KEY) == first
        assert await store.remember(KEY, second, NOON) == first
        for other in (replace(KEY, subject="bob"), replace(KEY, method="x"), replace(KEY, key="order-2")):
            assert await store.first_answer(other) is None
        with pytest.raises(FailedPrecondition):
            await store.first_answer(replace(KEY, request_sha256="cd" * 32))


async def test_of_two_that_send_a_request_at_once_one_makes_something(stores: Stores) -> None:
    async def send() -> Any:
        made = uuid7()
        async with stores.reports.write() as store:
            first = await store.remember(KEY, made, NOON)
            await asyncio.sleep(0.05)
            return first

    assert len(set(await asyncio.gather(*(send() for _ in range(4))))) == 1


async def test_a_request_that_broke_is_not_remembered(stores: Stores) -> None:
    with pytest.raises(ZeroDivisionError):
        async with stores.reports.write() as store:
            await store.remember(KEY, uuid7(), NOON)
            raise ZeroDivisionError
    async with stores.reports.read() as store:
        assert await store.first_answer(KEY) is None


async def test_old_requests_are_forgotten(stores: Stores) -> None:
    async with stores.reports.write() as store:
        await store.remember(KEY, uuid7(), NOON)
        await store.remember(replace(KEY, key="order-2"), uuid7(), LATER)
        assert await store.forget_requests(LATER) == 1
        assert await store.first_answer(KEY) is None


async def test_a_report_names_the_one_that_it_replaces(stores: Stores) -> None:
    before = await add(stores, a_report(), b'{"a":1}')
    again = await add(stores, a_report(retry_of=before.id))
    assert (await get(stores, again)).retry_of == before.id
    async with stores.reports.read() as store:
        assert await store.assessment_data(before.id) == b'{"a":1}'


# What the RPCs promise.


def order(**values: Any) -> pb.GenerateReportRequest:
    request = pb.GenerateReportRequest(lead_id=LEAD, request_id="order-1", **values)
    json_format.ParseDict({"note": "x", "token": "hunter2"}, request.assessment_data)
    return request


def test_the_same_request_again_gets_the_same_report_as_it_is_by_then(service: Service) -> None:
    first = service.call("GenerateReport", order()).message
    service.call("CancelReport", pb.CancelReportRequest(id=first.id))
    service.leads.known = set()  # nothing is asked for again
    again = service.call("GenerateReport", order()).message
    assert (again.id, again.status) == (first.id, pb.Report.CANCELLED)
    assert len(service.memory.jobs) == 1


def test_another_request_under_the_same_name_is_refused(service: Service) -> None:
    assert service.call("GenerateReport", order()).code is grpc.StatusCode.OK
    reply = service.call("GenerateReport", order(locale="en-GB"))
    assert reply.code is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(reply) == "IDEMPOTENCY_KEY_REUSED"
    other = order()
    other.assessment_data["note"] = "y"
    assert reason(service.call("GenerateReport", other)) == "IDEMPOTENCY_KEY_REUSED"
    assert len(service.memory.jobs) == 1


def test_without_a_name_each_request_counts(service: Service) -> None:
    for _ in range(2):
        service.call("GenerateReport", pb.GenerateReportRequest(lead_id=LEAD))
    assert len(service.memory.jobs) == 2


def test_a_full_queue_says_when_to_ask_again_and_remembers_nothing(service: Service) -> None:
    for _ in range(3):
        service.call("GenerateReport", pb.GenerateReportRequest(lead_id=LEAD))
    reply = service.call("GenerateReport", order())
    assert reply.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason(reply) == "REPORT_QUEUE_FULL"
    assert detail(reply, error_details_pb2.RetryInfo()).retry_delay.seconds > 0
    assert service.memory.requests == {}


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.CANCELLED])
def test_a_report_is_cancelled_until_it_has_ended(service: Service, status: Status) -> None:
    report = service.keep(status=status)
    told = service.call("CancelReport", pb.CancelReportRequest(id=str(report.id))).message
    assert (told.status, told.id) == (pb.Report.CANCELLED, str(report.id))


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_a_report_that_has_ended_is_not_cancelled(service: Service, status: Status) -> None:
    report = service.keep(status=status)
    reply = service.call("CancelReport", pb.CancelReportRequest(id=str(report.id)))
    assert reply.code is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(reply) == "REPORT_ENDED"


@pytest.mark.parametrize("method", ["CancelReport", "RetryReport", "WatchReport"])
def test_an_unknown_report_is_not_found(service: Service, method: str) -> None:
    request = getattr(pb, f"{method}Request")(id=str(uuid7()))
    assert service.call(method, request).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_a_retry_is_a_new_report_from_the_same_request(service: Service, status: Status) -> None:
    before = service.keep(
        status=status,
        error="no",
        locale="en-GB",
        template_version_id=BUNDLE.template_version_id,
        created_by="grace",
    )
    service.memory.assessment_data[before.id] = b'{"a":1}'
    request = pb.RetryReportRequest(id=str(before.id), request_id="again")
    report = service.call("RetryReport", request).message
    assert report.id != str(before.id)
    assert (report.status, report.retry_of) == (pb.Report.QUEUED, str(before.id))
    assert (report.lead_id, report.locale) == (str(before.lead_id), "en-GB")
    assert (report.pipeline_run_id, report.created_by) == (before.pipeline_run_id, "ada")
    made = service.memory.reports[service.memory.jobs[0]]
    assert service.memory.assessment_data[made.id] == b'{"a":1}'
    assert made.template_digest == BUNDLE.digest
    assert service.memory.reports[before.id] == before
    assert service.call("RetryReport", request).message.id == report.id


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.COMPLETED])
def test_only_what_failed_is_made_again(service: Service, status: Status) -> None:
    reply = service.call("RetryReport", pb.RetryReportRequest(id=str(service.keep(status=status).id)))
    assert reason(reply) == "REPORT_NOT_FAILED"
    assert service.memory.jobs == []


def test_a_report_that_has_ended_is_watched_for_no_longer_than_a_look(service: Service) -> None:
    report = service.completed()
    reply = service.call("WatchReport", pb.WatchReportRequest(id=str(report.id)))
    assert [each.status for each in reply.messages] == [pb.Report.COMPLETED]
