"""Promise: a dead letter waits for a decision, and who decided what and why is kept."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest

from protos.leadfactory.report.v1 import report_pb2 as pb
from report_service.deliveries import Delivery, Verdict
from report_service.domain import LineageStatus, Report
from report_service.memory.state import Waiting
from services.ids import uuid7
from tests.contracts.test_report_servicer import Service, violations
from tests.fixtures.rpc import TestingServer
from tests.report_service.builders import NOON, a_capture


@pytest.fixture
def service(testing_server: Callable[..., TestingServer]) -> Service:
    return Service(testing_server)


def dead(service: Service) -> Report:
    report = service.completed()
    service.memory.reports[report.id] = report = replace(report, lineage_status=LineageStatus.PENDING)
    delivery = Delivery(
        report_id=report.id,
        lineage_id=report.lineage_id,
        lead_id=report.lead_id,
        pipeline_run_id=report.pipeline_run_id,
        template_version_id=report.template_version_id,
        template_digest=report.template_digest,
        pdf_sha256="ef" * 32,
        created_by="ada",
        capture=a_capture(),
        attempt=3,
    )
    service.memory.outbox[report.id] = Waiting(
        delivery, NOON, NOON, last_error="INVALID_ARGUMENT: no", dead_at=NOON
    )
    return report


def test_they_are_listed_a_page_at_a_time(service: Service) -> None:
    expected = sorted((str(dead(service).id) for _ in range(3)), reverse=True)
    first = service.call("ListDeadLetters", pb.ListDeadLettersRequest(page_size=2)).message
    token = first.next_page_token
    rest = service.call("ListDeadLetters", pb.ListDeadLettersRequest(page_size=2, page_token=token)).message
    assert [each.report_id for each in (*first.dead_letters, *rest.dead_letters)] == expected
    assert rest.next_page_token == ""
    letter = first.dead_letters[0]
    assert (letter.reason, letter.attempts, letter.pdf_sha256) == ("INVALID_ARGUMENT: no", 3, "ef" * 32)
    assert violations(service.call("ListReports", pb.ListReportsRequest(page_token=token))) == ["page_token"]


def test_they_are_redriven_by_name_or_all_and_who_did_it_is_kept(service: Service) -> None:
    reports = [dead(service) for _ in range(3)]
    request = pb.RedriveDeadLettersRequest(report_ids=[str(reports[0].id)] * 2, reason="mended")
    assert service.call("RedriveDeadLetters", request).message.redriven == 1
    assert service.memory.outbox[reports[0].id].dead_at is None
    assert service.memory.outbox[reports[1].id].dead_at == NOON
    request = pb.RedriveDeadLettersRequest(reason="all mended")
    assert service.call("RedriveDeadLetters", request).message.redriven == 2
    kept = [
        (each.verdict, each.decided_by, each.decided_at, each.reason) for each in service.memory.decisions
    ]
    assert kept == [
        (Verdict.REDRIVE, "ada", NOON, "mended"),
        *[(Verdict.REDRIVE, "ada", NOON, "all mended")] * 2,
    ]


def test_nothing_is_redriven_if_one_that_is_named_is_not_dead(service: Service) -> None:
    report = dead(service)
    request = pb.RedriveDeadLettersRequest(report_ids=[str(report.id), str(uuid7())], reason="mended")
    assert service.call("RedriveDeadLetters", request).code is grpc.StatusCode.NOT_FOUND
    assert service.memory.outbox[report.id].dead_at == NOON
    assert service.memory.decisions == []


def test_a_discarded_one_is_gone_and_who_did_it_is_kept(service: Service) -> None:
    report = dead(service)
    request = pb.DiscardDeadLetterRequest(report_id=str(report.id), reason="a trial")
    told = service.call("DiscardDeadLetter", request).message
    assert (told.id, told.lineage_status) == (str(report.id), pb.Report.DISCARDED)
    assert service.memory.outbox == {}
    (decision,) = service.memory.decisions
    assert (decision.verdict, decision.decided_by, decision.reason) == (Verdict.DISCARD, "ada", "a trial")
    assert service.call("DiscardDeadLetter", request).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("RedriveDeadLetters", pb.RedriveDeadLettersRequest()),
        ("DiscardDeadLetter", pb.DiscardDeadLetterRequest(report_id=str(uuid7()))),
    ],
)
def test_nobody_decides_without_a_reason(service: Service, method: str, request_: Any) -> None:
    assert violations(service.call(method, request_)) == ["reason"]
