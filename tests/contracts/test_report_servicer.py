"""Promise: each RPC of the report service keeps what its proto says, without socket or database."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from protos.leadfactory.report.v1 import report_pb2 as pb
from report_service import payload
from report_service.domain import LineageStatus, Pdf, Report, ReportFilter, Status
from report_service.memory import Memory
from report_service.redaction import Redaction
from report_service.rendering import bundles
from report_service.servicer import Limits, ReportServicer
from services import paging
from services.errors import Unavailable
from services.identity import Actor
from services.ids import uuid7
from tests.fixtures.rpc import Reply, TestingServer
from tests.report_service.builders import NOON, a_report
from tests.report_service.stubs import Leads, Lineages, Objects

ADA = Actor("ada", frozenset({"operator"}), None, "192.0.2.7", "Firefox")
LEAD = str(uuid7())
BUNDLE = bundles.find("website_audit")


class Service:
    """The servicer on a memory, with neighbours that do as they are told."""

    def __init__(self, make: Callable[..., TestingServer]) -> None:
        self.memory, self.leads, self.objects = Memory(), Leads(), Objects()
        servicer = ReportServicer(
            self.memory.batch_stores(),
            self.memory.outbox_stores(),
            self.leads,
            self.objects,
            Lineages(),
            redaction=Redaction("k" * 32),
            limits=Limits(queue=3, batch=5, batch_queue=8),
            clock=lambda: NOON,
        )
        self._server = make(pb.DESCRIPTOR.services_by_name["ReportService"], servicer)

    def call(self, method: str, request: Any, **metadata: str) -> Reply:
        # Each call has an event loop of its own, to which a lock would stay bound.
        self.memory.lock = asyncio.Lock()
        return self._server.call(method, request, ADA, **metadata)

    def keep(self, **values: Any) -> Report:
        report = a_report(**values)
        self.memory.reports[report.id] = report
        return report

    def completed(self, content: bytes = b"%PDF-1.7 0123456789") -> Report:
        digest = payload.sha256(content)
        self.objects.kept["key"] = content
        return self.keep(
            status=Status.COMPLETED,
            progress=100,
            render_time=NOON,
            completed_at=NOON,
            lineage_status=LineageStatus.RECORDED,
            pdf=Pdf(digest, len(content), 2, "key"),
        )


@pytest.fixture
def service(testing_server: Callable[..., TestingServer]) -> Service:
    return Service(testing_server)


def violations(reply: Reply) -> list[str]:
    """Return the fields that an INVALID_ARGUMENT names."""
    assert reply.code is grpc.StatusCode.INVALID_ARGUMENT, reply.details
    return [each.field for each in detail(reply, error_details_pb2.BadRequest()).field_violations]


def detail(reply: Reply, wanted: Any) -> Any:
    (told,) = [value for key, value in reply.trailing_metadata if key == "grpc-status-details-bin"]
    for each in status_pb2.Status.FromString(told).details:  # type: ignore[arg-type]
        if each.Unpack(wanted):
            return wanted
    raise AssertionError(f"no {wanted.DESCRIPTOR.name} in the details")


def test_a_report_is_queued_with_its_job_and_returned_at_once(service: Service) -> None:
    report = service.call("GenerateReport", pb.GenerateReportRequest(lead_id=LEAD)).message
    assert report.status == pb.Report.QUEUED
    assert report.lineage_status == pb.Report.PENDING
    assert report.template_version_id == BUNDLE.template_version_id
    assert report.lead_id == LEAD
    assert report.locale == "en"
    assert report.created_by == "ada"
    assert report.created_at.ToDatetime(NOON.tzinfo) == NOON
    assert UUID(report.pipeline_run_id)
    assert not report.HasField("completed_at")
    assert report.pdf_url == report.pdf_sha256 == report.error == ""
    assert service.memory.jobs == [UUID(report.id)]
    assert service.memory.reports[UUID(report.id)].template_digest == BUNDLE.digest


def test_what_the_caller_says_is_kept(service: Service) -> None:
    request = pb.GenerateReportRequest(
        lead_id=LEAD.upper(),
        template="website_audit",
        template_version=BUNDLE.version,
        pipeline_run_id="run/2026-11:7",
        locale="en-GB",
    )
    json_format.ParseDict({"score": 7, "big": 1e20, "who": ["é", None, True]}, request.assessment_data)
    report = service.call("GenerateReport", request).message
    assert (report.pipeline_run_id, report.locale, report.lead_id) == ("run/2026-11:7", "en-GB", LEAD)
    kept = service.memory.assessment_data[UUID(report.id)]
    assert kept == '{"big":100000000000000000000,"score":7,"who":["é",null,true]}'.encode()


def test_secrets_of_the_caller_are_taken_out_before_anything_is_kept(service: Service) -> None:
    secrets = {
        "login": {"user": "ada", "password": "hunter2"},
        "calls": [{"Authorization": "Bearer hunter2"}],
    }
    kept = []
    for _ in range(2):
        request = pb.GenerateReportRequest(lead_id=LEAD)
        json_format.ParseDict(secrets, request.assessment_data)
        report = service.call("GenerateReport", request).message
        kept.append(service.memory.assessment_data[UUID(report.id)] or b"")
    assert b"hunter2" not in kept[0]
    assert b'"user":"ada"' in kept[0]
    assert b'"password":"[redacted] hmac-sha256:' in kept[0]
    assert kept[0] == kept[1]


def test_an_unknown_lead_is_not_found_and_nothing_is_queued(service: Service) -> None:
    service.leads.known = set()
    reply = service.call("GenerateReport", pb.GenerateReportRequest(lead_id=LEAD))
    assert reply.code is grpc.StatusCode.NOT_FOUND
    assert detail(reply, error_details_pb2.ErrorInfo()).metadata == {"resource": "lead", "name": LEAD}
    assert service.memory.jobs == []


@pytest.mark.parametrize(("name", "version"), [("no_such", ""), ("website_audit", "99.0.0")])
def test_an_unknown_template_version_is_not_found(service: Service, name: str, version: str) -> None:
    request = pb.GenerateReportRequest(lead_id=LEAD, template=name, template_version=version)
    reply = service.call("GenerateReport", request)
    assert reply.code is grpc.StatusCode.NOT_FOUND
    assert "template" in reply.details
    assert service.memory.jobs == []


def test_without_the_lead_service_a_report_is_refused_for_now(service: Service) -> None:
    def absent() -> None:
        raise Unavailable("The lead service does not answer.", retry_after=1)

    service.leads.mishap = absent
    reply = service.call("GenerateReport", pb.GenerateReportRequest(lead_id=LEAD))
    assert reply.code is grpc.StatusCode.UNAVAILABLE
    assert service.memory.reports == {}


def test_a_full_queue_says_when_to_come_back(service: Service) -> None:
    for _ in range(3):
        service.keep()
    reply = service.call("GenerateReport", pb.GenerateReportRequest(lead_id=LEAD))
    assert reply.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert detail(reply, error_details_pb2.RetryInfo()).retry_delay.seconds > 0
    assert detail(reply, error_details_pb2.ErrorInfo()).reason == "REPORT_QUEUE_FULL"
    assert len(service.memory.reports) == 3


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"lead_id": ""}, "lead_id"),
        ({"lead_id": "7"}, "lead_id"),
        ({"template": "../../etc"}, "template"),
        ({"template_version": "1"}, "template_version"),
        ({"pipeline_run_id": "x" * 129}, "pipeline_run_id"),
        ({"pipeline_run_id": "a b"}, "pipeline_run_id"),
        ({"locale": "english please"}, "locale"),
        ({"locale": "ar"}, "locale"),
        ({"assessment_data": {"note": "a\0b"}}, "assessment_data"),
        ({"assessment_data": {"note": "x" * (1024 * 1024)}}, "assessment_data"),
    ],
)
def test_bad_input_names_its_field(service: Service, values: dict[str, Any], field: str) -> None:
    request = json_format.ParseDict({"lead_id": LEAD, **values}, pb.GenerateReportRequest())
    (named,) = violations(service.call("GenerateReport", request))
    assert named.split(".")[0] == field
    assert service.memory.reports == {}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_has_not_is_refused(service: Service, number: float) -> None:
    request = pb.GenerateReportRequest(lead_id=LEAD)
    request.assessment_data["n"] = number
    (named,) = violations(service.call("GenerateReport", request))
    assert named.startswith("assessment_data")


def test_a_report_is_found_by_its_id(service: Service) -> None:
    kept = service.completed()
    report = service.call("GetReport", pb.GetReportRequest(id=str(kept.id))).message
    assert report.status == pb.Report.COMPLETED
    assert report.lineage_status == pb.Report.RECORDED
    assert report.pdf_url == f"/api/reports/{kept.id}/pdf"
    assert kept.pdf is not None
    assert (report.pdf_sha256, report.pdf_size_bytes) == (kept.pdf.sha256, kept.pdf.size_bytes)
    assert (report.page_count, report.progress) == (2, 100)
    assert report.completed_at.ToDatetime(NOON.tzinfo) == NOON


def test_a_failed_report_says_why(service: Service) -> None:
    kept = service.keep(status=Status.FAILED, error="The lead is gone.", completed_at=NOON)
    report = service.call("GetReport", pb.GetReportRequest(id=str(kept.id))).message
    assert (report.status, report.error) == (pb.Report.FAILED, "The lead is gone.")


@pytest.mark.parametrize("method", ["GetReport", "DownloadReport"])
def test_an_unknown_report_is_not_found(service: Service, method: str) -> None:
    request = {"GetReport": pb.GetReportRequest, "DownloadReport": pb.DownloadReportRequest}[method]
    assert service.call(method, request(id=str(uuid7()))).code is grpc.StatusCode.NOT_FOUND


def test_a_list_is_walked_page_by_page_newest_first(service: Service) -> None:
    kept = [service.keep() for _ in range(5)]
    shown, token = [], ""
    for _ in range(3):
        page = service.call("ListReports", pb.ListReportsRequest(page_size=2, page_token=token)).message
        assert page.total_size_estimate == 5
        shown += [each.id for each in page.reports]
        token = page.next_page_token
    assert token == ""
    assert shown == sorted((str(each.id) for each in kept), reverse=True)


def test_a_list_is_filtered_by_lead_and_status(service: Service) -> None:
    wanted = service.keep(status=Status.FAILED, error="x", completed_at=NOON)
    service.keep(lead_id=wanted.lead_id)
    service.keep(status=Status.FAILED, error="x", completed_at=NOON)
    request = pb.ListReportsRequest(lead_id=str(wanted.lead_id), status=pb.Report.FAILED)
    page = service.call("ListReports", request).message
    assert [each.id for each in page.reports] == [str(wanted.id)]


def test_a_page_token_of_another_filter_is_refused(service: Service) -> None:
    for _ in range(3):
        service.keep()
    token = service.call("ListReports", pb.ListReportsRequest(page_size=1)).message.next_page_token
    other = pb.ListReportsRequest(page_size=1, page_token=token, status=pb.Report.QUEUED)
    assert violations(service.call("ListReports", other)) == ["page_token"]


FORGED = paging.token(["not-a-uuid"], binding=ReportFilter().binding)


@pytest.mark.parametrize("token", ["garbage", "bm8", "W10", FORGED])
def test_a_garbled_page_token_is_refused(service: Service, token: str) -> None:
    assert violations(service.call("ListReports", pb.ListReportsRequest(page_token=token))) == ["page_token"]


def test_a_pdf_is_sent_as_it_was_stored(service: Service) -> None:
    content = b"%PDF-1.7 " + bytes(range(256)) * 1000
    kept = service.completed(content)
    reply = service.call("DownloadReport", pb.DownloadReportRequest(id=str(kept.id)))
    assert b"".join(body.data for body in reply.messages) == content
    assert reply.messages[0].content_type == "application/pdf"
    assert reply.initial_metadata["http-status"] == "200"
    assert reply.initial_metadata["http-etag"] == f'"{payload.sha256(content)}"'
    assert reply.initial_metadata["http-content-disposition"] == (
        'inline; filename="example.com-2026-11-21.pdf"'
    )


def test_a_range_of_a_pdf_is_sent_alone(service: Service) -> None:
    kept = service.completed(b"%PDF-0123456789")
    request = pb.DownloadReportRequest(id=str(kept.id))
    reply = service.call("DownloadReport", request, http_range="bytes=5-8")
    assert b"".join(body.data for body in reply.messages) == b"0123"
    assert reply.initial_metadata["http-status"] == "206"
    assert reply.initial_metadata["http-content-range"] == "bytes 5-8/15"


def test_a_pdf_that_the_caller_has_is_not_sent_again(service: Service) -> None:
    kept = service.completed()
    assert kept.pdf is not None
    request = pb.DownloadReportRequest(id=str(kept.id))
    reply = service.call("DownloadReport", request, http_if_none_match=f'"{kept.pdf.sha256}"')
    assert reply.initial_metadata["http-status"] == "304"
    assert b"".join(body.data for body in reply.messages) == b""


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.FAILED])
def test_there_is_no_pdf_until_a_report_is_completed(service: Service, status: Status) -> None:
    kept = service.keep(status=status, error="The lead is gone." if status is Status.FAILED else "")
    reply = service.call("DownloadReport", pb.DownloadReportRequest(id=str(kept.id)))
    assert reply.code is grpc.StatusCode.FAILED_PRECONDITION
    assert status in reply.details
    assert detail(reply, error_details_pb2.ErrorInfo()).reason == "REPORT_NOT_COMPLETED"


def test_a_report_on_a_lead_without_a_domain_is_named_by_its_id() -> None:
    report = replace(a_report(), domain="")
    assert report.filename == f"report-{report.id}.pdf"
