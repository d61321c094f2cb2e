"""Promise: each RPC of the lineage service keeps what its proto says, without socket or database."""

import gzip
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from lineage_service.domain import Access, Action, Limits
from lineage_service.memory import MemoryLineageStores
from lineage_service.servicer import LineageServicer
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services.identity import Actor
from services.ids import uuid7
from tests.fixtures.rpc import Reply, TestingServer
from tests.lineage_service.builders import INPUTS, LOG, NOON, Sent, a_report

ADA = Actor("ada", frozenset({"operator"}), None, "192.0.2.7", "Firefox")
WORKER = Actor("system:report-worker", workload="report-worker")


class Service:
    """The servicer on stores in memory."""

    def __init__(self, make: Callable[..., TestingServer]) -> None:
        self.stores = MemoryLineageStores()
        servicer = LineageServicer(self.stores, limits=Limits(), clock=lambda: NOON)
        self._server = make(pb.DESCRIPTOR.services_by_name["LineageService"], servicer)

    def call(self, method: str, request: Any, actor: Actor = ADA, **metadata: str) -> Reply:
        return self._server.call(method, request, actor, **metadata)

    def record(self, sent: Sent, size: int = 1 << 20) -> Reply:
        return self.call("RecordLineage", sent.messages(size), WORKER)

    def recorded(self, *pieces: bytes, **options: Any) -> Sent:
        sent = a_report(*pieces, **options)
        assert self.record(sent).code is grpc.StatusCode.OK
        return sent

    def actions(self) -> list[tuple[str, Action, int | None]]:
        return [(each.reader.subject, each.action, each.part) for each in self.noted()]

    def noted(self) -> list[Access]:
        return [each for each in self.stores.kept.noted if each.action is not Action.RECORD]


@pytest.fixture
def service(testing_server: Callable[..., TestingServer]) -> Service:
    return Service(testing_server)


def together(reply: Reply) -> bytes:
    assert reply.code is grpc.StatusCode.OK, reply.details
    return b"".join(body.data for body in reply.messages)


def violations(reply: Reply) -> list[str]:
    """Return the fields that an INVALID_ARGUMENT names."""
    assert reply.code is grpc.StatusCode.INVALID_ARGUMENT, reply.details
    (told,) = [value for key, value in reply.trailing_metadata if key == "grpc-status-details-bin"]
    for detail in status_pb2.Status.FromString(told).details:  # type: ignore[arg-type]
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            return [violation.field for violation in bad.field_violations]
    return []


def test_a_lineage_is_recorded_with_every_fact(service: Service) -> None:
    sent = a_report(b"[" + b"1," * 2000 + b"1]", b"\n" * 1000)
    lineage = service.record(sent).message
    header = sent.header().header
    for field in (
        *("lineage_id", "report_generation_id", "lead_id", "pipeline_run_id", "template_version_id"),
        *("template_digest", "environment_digest", "pipeline_start_time", "pipeline_end_time"),
        *("raw_inputs_size_bytes", "inputs_sha256", "pdf_sha256", "parts", "logs_size_bytes"),
    ):
        assert getattr(lineage, field) == getattr(header, field), field
    assert lineage.pipeline_duration_seconds == 2.5
    stored = sum(len(part) for part in sent.parts)
    assert lineage.compression_ratio == pytest.approx(1 - stored / 5002, abs=1e-4)
    assert lineage.created_at.ToDatetime() == NOON.replace(tzinfo=None)
    assert lineage.access_count == 0
    assert not lineage.HasField("last_accessed_at")


def failed(status: Any = pb.Lineage.FAILED, pdf_sha256: str = "") -> list[Message]:
    header, *rest = a_report().messages()
    header.header.status, header.header.pdf_sha256 = status, pdf_sha256
    return [header, *rest]


def test_a_generation_that_failed_has_a_record_without_a_pdf(service: Service) -> None:
    reply = service.call("RecordLineage", failed(), WORKER)
    assert reply.code is grpc.StatusCode.OK, reply.details
    assert (reply.message.status, reply.message.pdf_sha256) == (pb.Lineage.FAILED, "")
    assert service.record(a_report()).message.status == pb.Lineage.COMPLETED


@pytest.mark.parametrize(
    ("status", "digest"),
    [(pb.Lineage.FAILED, "ab" * 32), (pb.Lineage.COMPLETED, ""), (pb.Lineage.STATUS_UNSPECIFIED, "")],
)
def test_a_pdf_and_a_failure_exclude_each_other(service: Service, status: Any, digest: str) -> None:
    reply = service.call("RecordLineage", failed(status, digest), WORKER)
    assert reply.code is grpc.StatusCode.INVALID_ARGUMENT
    assert service.stores.kept.lineages == {}


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_the_bytes_may_be_split_anywhere(service: Service, size: int) -> None:
    sent = a_report(b"one", b"two", log=b"{}\n")
    assert service.record(sent, size).code is grpc.StatusCode.OK


def test_the_same_facts_again_return_the_first_record(service: Service) -> None:
    sent = a_report()
    first = service.record(sent).message
    service.call("GetLineageByReport", pb.GetLineageByReportRequest(report_id=str(sent.facts.report_id)))
    again = service.record(sent).message
    assert again.lineage_id == first.lineage_id
    assert again.access_count == 1
    assert len(service.stores.kept.lineages) == 1


def test_other_facts_are_refused_named_and_change_nothing(service: Service) -> None:
    sent = service.recorded()
    lying = a_report(b"other", report_id=sent.facts.report_id, lineage_id=sent.facts.lineage_id)
    reply = service.record(lying)
    assert reply.code is grpc.StatusCode.ALREADY_EXISTS
    assert "inputs_sha256" in reply.details
    assert service.stores.kept.lineages[sent.facts.lineage_id].facts == sent.facts
    assert service.record(sent).code is grpc.StatusCode.OK


def test_an_id_that_another_report_has_is_refused(service: Service) -> None:
    sent = service.recorded()
    reply = service.record(a_report(lineage_id=sent.facts.lineage_id))
    assert reply.code is grpc.StatusCode.ALREADY_EXISTS


def _without_header(sent: Sent) -> list[Message]:
    return list(sent.messages()[1:])


def _two_headers(sent: Sent) -> list[Message]:
    return [sent.header(), *sent.messages()]


def _log_first(sent: Sent) -> list[Message]:
    header, inputs, log = sent.messages()
    return [header, log, inputs]


def _no_log(sent: Sent) -> list[Message]:
    return list(sent.messages()[:2])


def _only_header(sent: Sent) -> list[Message]:
    return [sent.header()]


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        (_without_header, "header"),
        (_two_headers, "header"),
        (_log_first, "logs"),
        (_no_log, "logs"),
        (_only_header, "raw_inputs"),
        (lambda _: [], "header"),
        (lambda sent: [pb.RecordLineageRequest(), *sent.messages()], "message"),
        (lambda sent: [sent.header(lineage_id="seven")], "header.lineage_id"),
        (lambda sent: [sent.header(pdf_sha256="AB" * 32)], "header.pdf_sha256"),
        (lambda sent: [sent.header(created_by="a\0")], "header.created_by"),
        (
            lambda sent: [sent.header(pipeline_end_time={"seconds": 10**15})],
            "header.pipeline_end_time",
        ),
        (lambda sent: [sent.header(pipeline_end_time={"seconds": 1})], "header.pipeline_end_time"),
        (
            lambda sent: [sent.header(), pb.RecordLineageRequest(raw_inputs=bytes(1 << 20) + b"x")],
            "raw_inputs",
        ),
    ],
)
def test_a_stream_out_of_order_names_what_is_wrong_and_stores_nothing(
    service: Service, messages: Callable[[Sent], list[Message]], field: str
) -> None:
    reply = service.call("RecordLineage", messages(a_report()), WORKER)
    assert violations(reply) == [field]
    assert service.stores.kept.lineages == {}


def test_bytes_that_lie_store_nothing(service: Service) -> None:
    sent = a_report()
    header, *_ = sent.messages()
    assert violations(service.record(sent.but(inputs_sha256=bytes(32)))) == ["header.inputs_sha256"]
    truncated = [header, pb.RecordLineageRequest(raw_inputs=sent.parts[0][:-1])]
    assert violations(service.call("RecordLineage", truncated, WORKER)) == ["raw_inputs"]
    assert service.stores.kept.lineages == {}


def test_a_reading_is_counted_in_its_own_reply(service: Service) -> None:
    sent = service.recorded()
    request = pb.GetLineageByReportRequest(report_id=str(sent.facts.report_id))
    for count in (1, 2, 3):
        lineage = service.call("GetLineageByReport", request).message
        assert lineage.access_count == count
        assert lineage.last_accessed_at.ToDatetime() == NOON.replace(tzinfo=None)
    assert service.actions() == [("ada", Action.VIEW, None)] * 3


def test_who_read_is_taken_from_the_call(service: Service) -> None:
    sent = service.recorded()
    service.call("GetLineageByReport", pb.GetLineageByReportRequest(report_id=str(sent.facts.report_id)))
    (access,) = service.noted()
    assert access.report_id == sent.facts.report_id
    assert access.lineage_id == sent.facts.lineage_id
    assert (access.reader.subject, str(access.reader.ip)) == ("ada", "192.0.2.7")
    assert access.reader.user_agent == "Firefox"
    assert access.at == NOON


@pytest.mark.parametrize(("ip", "kept"), [("", None), ("not one", None), ("fe80::1%eth0", "fe80::1")])
def test_an_address_that_is_none_does_not_stand_in_the_way(
    service: Service, ip: str, kept: str | None
) -> None:
    sent = service.recorded()
    request = pb.GetLineageByReportRequest(report_id=str(sent.facts.report_id))
    assert service.call("GetLineageByReport", request, Actor("ada", ip=ip)).code is grpc.StatusCode.OK
    (access,) = service.noted()
    assert (str(access.reader.ip) if access.reader.ip else None) == kept


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetLineageByReport", pb.GetLineageByReportRequest(report_id=str(uuid7()))),
        ("GetLineageLogs", pb.GetLineageLogsRequest(lineage_id=str(uuid7()))),
        ("DownloadRawInputs", pb.DownloadRawInputsRequest(lineage_id=str(uuid7()))),
    ],
)
def test_the_unknown_is_not_found_and_not_noted(service: Service, method: str, request_: Message) -> None:
    service.recorded()
    reply = service.call(method, request_)
    assert reply.code is grpc.StatusCode.NOT_FOUND
    assert service.actions() == []


def test_the_log_leaves_as_the_gzip_it_came_as(service: Service) -> None:
    sent = service.recorded()
    reply = service.call("GetLineageLogs", pb.GetLineageLogsRequest(lineage_id=str(sent.facts.lineage_id)))
    assert together(reply) == sent.log
    assert gzip.decompress(together(reply)) == LOG
    assert reply.messages[0].content_type == "application/x-ndjson"
    assert reply.initial_metadata["http-content-encoding"] == "gzip"
    assert reply.initial_metadata["http-etag"] == f'"{sent.facts.log_sha256.hex()}"'
    assert "http-content-disposition" not in reply.initial_metadata
    assert service.actions() == [("ada", Action.LOGS, None)]


def test_all_parts_together_are_the_raw_inputs_as_one_gzip_file(service: Service) -> None:
    sent = service.recorded(INPUTS[:500], INPUTS[500:])
    reply = service.call(
        "DownloadRawInputs", pb.DownloadRawInputsRequest(lineage_id=str(sent.facts.lineage_id))
    )
    assert together(reply) == b"".join(sent.parts)
    assert gzip.decompress(together(reply)) == INPUTS
    assert reply.messages[0].content_type == "application/gzip"
    assert "http-content-encoding" not in reply.initial_metadata
    assert reply.initial_metadata["http-content-disposition"] == (
        f'attachment; filename="{sent.facts.report_id}-inputs.json.gz"'
    )
    assert service.actions() == [("ada", Action.DOWNLOAD, None)]


def test_one_part_is_a_gzip_file_of_its_own(service: Service) -> None:
    sent = service.recorded(b"one", b"two", b"three")
    for part in (1, 2, 3):
        reply = service.call(
            "DownloadRawInputs",
            pb.DownloadRawInputsRequest(lineage_id=str(sent.facts.lineage_id), part=part),
        )
        assert together(reply) == sent.parts[part - 1]
        assert reply.initial_metadata["http-etag"] == f'"{sent.facts.parts[part - 1].sha256.hex()}"'
        assert f"-inputs.part{part}of3.json.gz" in reply.initial_metadata["http-content-disposition"]
    assert service.actions() == [("ada", Action.DOWNLOAD, part) for part in (1, 2, 3)]


def test_a_part_that_there_is_not_is_out_of_range_and_not_noted(service: Service) -> None:
    sent = service.recorded(b"one", b"two")
    request = pb.DownloadRawInputsRequest(lineage_id=str(sent.facts.lineage_id), part=3)
    assert service.call("DownloadRawInputs", request).code is grpc.StatusCode.OUT_OF_RANGE
    assert service.actions() == []


def test_every_range_of_many_parts_is_the_slice_it_names(service: Service) -> None:
    sent = service.recorded(b"one", b"two", b"three")
    whole = b"".join(sent.parts)
    request = pb.DownloadRawInputsRequest(lineage_id=str(sent.facts.lineage_id))
    edge = len(sent.parts[0])
    for start, end in (
        *((0, 0), (0, len(whole) - 1), (edge - 1, edge), (edge, edge)),
        *((5, len(whole) - 5), (len(whole) - 1, len(whole) - 1)),
    ):
        reply = service.call("DownloadRawInputs", request, http_range=f"bytes={start}-{end}")
        assert together(reply) == whole[start : end + 1]
        assert reply.initial_metadata["http-content-range"] == f"bytes {start}-{end}/{len(whole)}"


def test_asking_whether_a_copy_is_current_is_a_reading_too(service: Service) -> None:
    sent = service.recorded()
    request = pb.DownloadRawInputsRequest(lineage_id=str(sent.facts.lineage_id))
    etag = service.call("DownloadRawInputs", request).initial_metadata["http-etag"]
    reply = service.call("DownloadRawInputs", request, http_if_none_match=str(etag))
    assert reply.initial_metadata["http-status"] == "304"
    assert together(reply) == b""
    assert len(service.actions()) == 2


def test_a_time_is_kept_to_the_microsecond(service: Service) -> None:
    sent = a_report().but(started_at=NOON - timedelta(microseconds=1))
    assert service.record(sent).message.pipeline_duration_seconds == 1e-6
