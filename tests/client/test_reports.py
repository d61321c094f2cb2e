"""`leadfactory reports`: orders, progress, and PDFs that arrive whole or not at all."""

import hashlib
from pathlib import Path

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from client import downloads
from protos.leadfactory.report.v1.report_pb2 import ListReportsResponse, Report, ReportBatch
from services.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from tests.client.conftest import Stage

LEAD = "01999a1f-0000-7000-8000-000000000001"
ID = "01999a1f-0000-7000-8000-000000000002"
PDF = bytes(range(256)) * 100
SHA256 = hashlib.sha256(PDF).hexdigest()
PART = f".report.pdf.{SHA256[:16]}.part"


def report(**changes: object) -> Report:
    return Report(**{"id": ID, "lead_id": LEAD, "status": Report.QUEUED, **changes})


COMPLETED = report(status=Report.COMPLETED, progress=100, pdf_sha256=SHA256, pdf_size_bytes=len(PDF))


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between two attempts."""
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0)


def test_a_report_is_queued_and_that_is_all(stage: Stage, tmp_path: Path):
    (tmp_path / "findings.json").write_text('{"score": 7}')
    ran, (call,) = stage.answer(
        "reports", "generate", LEAD, "--template", "website_audit@2.0.0", "--locale", "de", "--run", "r1",
        "--findings", "findings.json", "--json", ReportService_GenerateReport=report(),
    )  # fmt: skip
    asked = call.request
    assert (asked.template, asked.template_version, asked.locale) == ("website_audit", "2.0.0", "de")
    assert (asked.pipeline_run_id, asked.assessment_data["score"]) == ("r1", 7)
    assert asked.request_id
    assert (ran.status, ran.document["status"]) == (0, "QUEUED")


@pytest.mark.parametrize(
    ("ended", "status"), [(Report.COMPLETED, 0), (Report.FAILED, 1), (Report.CANCELLED, 1)]
)
def test_waiting_ends_as_the_report_does(stage: Stage, ended: Report.Status.ValueType, status: int):
    stage.start("reports", "generate", LEAD, "--wait")
    stage.take("ReportService.GenerateReport").reply(report())
    steps = [report(status=Report.RUNNING, progress=50, step="render"), report(status=ended, error="why")]
    stage.take("ReportService.WatchReport").reply(*steps)
    ran = stage.end()
    assert ran.status == status
    assert Report.Status.Name(ended) in ran.out


def test_a_full_queue_says_when_to_come_back(stage: Stage):
    error = ResourceExhausted("Too many reports wait.", reason="REPORT_QUEUE_FULL", retry_after=30)
    ran, _ = stage.answer("reports", "generate", LEAD, "--json", ReportService_GenerateReport=error)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "error: Too many reports wait. Try again in 30 s.\n"


def test_findings_that_are_no_object_are_refused_here(stage: Stage, tmp_path: Path):
    (tmp_path / "findings.json").write_text("[1]")
    ran = stage.run("reports", "generate", LEAD, "--findings", "findings.json")
    assert ran.status == 1
    assert ran.err.startswith("error: findings.json is not one JSON object")


def test_reports_are_listed(stage: Stage):
    page = ListReportsResponse(reports=[COMPLETED], total_size_estimate=1)
    ran, (call,) = stage.answer(
        "reports", "list", "--lead", LEAD, "--status", "completed", ReportService_ListReports=page
    )
    assert (call.request.lead_id, call.request.status) == (LEAD, Report.COMPLETED)
    assert ran.out.splitlines()[1].split()[:3] == [ID, LEAD, "COMPLETED"]


def test_a_list_of_reports_as_json_is_one_document(stage: Stage):
    page = ListReportsResponse(reports=[COMPLETED], total_size_estimate=1)
    ran, _ = stage.answer("reports", "list", "--json", ReportService_ListReports=page)
    assert [each["pdf_sha256"] for each in ran.document["reports"]] == [SHA256]
    assert ran.document["next_page_token"] == ""


def test_a_watch_is_a_line_a_step(stage: Stage):
    stage.start("reports", "watch", ID, "--json")
    stage.take("ReportService.WatchReport").reply(report(), report(status=Report.FAILED, error="It broke."))
    ran = stage.end()
    assert [each["status"] for each in ran.lines] == ["QUEUED", "FAILED"]
    assert ran.status == 1


def test_a_report_that_there_is_not_ends_with_one(stage: Stage):
    ran, _ = stage.answer("reports", "watch", ID, ReportService_WatchReport=NotFound("report", ID))
    assert (ran.status, ran.out, ran.err) == (1, "", f"error: There is no report '{ID}'.\n")


def test_a_pdf_is_checked_and_then_named(stage: Stage, tmp_path: Path):
    ran, _ = stage.answer(
        "reports", "download", ID, "-o", "report.pdf", "--json",
        ReportService_GetReport=COMPLETED, ReportService_DownloadReport=HttpBody(data=PDF),
    )  # fmt: skip
    assert ran.document == {
        "report_id": ID,
        "path": "report.pdf",
        "size_bytes": len(PDF),
        "pdf_sha256": SHA256,
        "resumed_from": 0,
    }
    assert [each.name for each in tmp_path.iterdir()] == ["report.pdf"]
    assert (tmp_path / "report.pdf").read_bytes() == PDF


def test_a_pdf_that_is_not_what_was_made_is_not_kept(stage: Stage, tmp_path: Path):
    ran, _ = stage.answer(
        "reports", "download", ID,
        ReportService_GetReport=COMPLETED, ReportService_DownloadReport=HttpBody(data=PDF[:-1] + b"x"),
    )  # fmt: skip
    assert ran.status == 1
    assert "Nothing was kept." in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_goes_on_where_it_was(stage: Stage, tmp_path: Path):
    stage.start("reports", "download", ID, "-o", "report.pdf")
    stage.take("ReportService.GetReport").reply(COMPLETED)
    whole = stage.take("ReportService.DownloadReport")
    assert "http-range" not in whole.metadata
    whole.reply(HttpBody(data=PDF[:1000]), code=grpc.StatusCode.UNAVAILABLE)
    rest = stage.take("ReportService.DownloadReport")
    assert rest.metadata["http-range"] == "bytes=1000-"
    assert rest.metadata["http-if-range"] == f'"{SHA256}"'
    rest.reply(HttpBody(data=PDF[1000:]), initial=[("http-status", "206")])
    ran = stage.end()
    assert ran.status == 0
    assert (tmp_path / "report.pdf").read_bytes() == PDF


def test_the_next_command_goes_on_from_what_the_last_one_left(stage: Stage, tmp_path: Path):
    (tmp_path / PART).write_bytes(PDF[:500])
    stage.start("reports", "download", ID, "-o", "report.pdf", "--json")
    stage.take("ReportService.GetReport").reply(COMPLETED)
    call = stage.take("ReportService.DownloadReport")
    assert call.metadata["http-range"] == "bytes=500-"
    call.reply(HttpBody(data=PDF[500:]), initial=[("http-status", "206")])
    assert stage.end().document["resumed_from"] == 500
    assert (tmp_path / "report.pdf").read_bytes() == PDF


def test_a_service_that_knows_no_ranges_sends_the_whole(stage: Stage, tmp_path: Path):
    (tmp_path / PART).write_bytes(PDF[:500])
    ran, _ = stage.answer(
        "reports", "download", ID, "-o", "report.pdf",
        ReportService_GetReport=COMPLETED, ReportService_DownloadReport=HttpBody(data=PDF),
    )  # fmt: skip
    assert ran.status == 0
    assert (tmp_path / "report.pdf").read_bytes() == PDF


def test_a_report_without_a_pdf_says_so(stage: Stage):
    ran, _ = stage.answer("reports", "download", ID, ReportService_GetReport=report())
    assert ran.status == 1
    assert ran.err == f"error: The report is QUEUED and has no PDF: see `leadfactory reports watch {ID}`.\n"


def test_a_batch_is_made_of_leads_from_a_file_and_packed(stage: Stage, tmp_path: Path):
    (tmp_path / "ids.txt").write_text(f"{LEAD}\n\n{ID}\n")
    stage.start("reports", "batch", "--leads-from", "ids.txt", "-o", "all.zip", "--json")
    call = stage.take("ReportService.GenerateReports")
    assert list(call.request.lead_ids) == [LEAD, ID]
    assert not call.request.HasField("filter")
    call.reply(ReportBatch(id=ID, size=2, queued=2))
    stage.take("ReportService.WatchReportBatch").reply(ReportBatch(id=ID, size=2, completed=1, failed=1))
    stage.take("ReportService.DownloadReportBatch").reply(HttpBody(data=b"zip"))
    ran = stage.end()
    assert (ran.status, ran.document["completed"], ran.document["failed"]) == (1, 1, 1)
    assert (tmp_path / "all.zip").read_bytes() == b"zip"


def test_a_batch_of_all_that_match(stage: Stage):
    ran, (call,) = stage.answer(
        "reports", "batch", "--matching", "--domain", "example.org", "--look-up", "COMPLETED",
        ReportService_GenerateReports=ReportBatch(id=ID, size=9, queued=9),
    )  # fmt: skip
    chosen = call.request.filter
    assert (chosen.domain, chosen.enrichment_status, ran.status) == ("example.org", "COMPLETED", 0)


@pytest.mark.parametrize(
    "arguments", [[], [LEAD, "--matching"], [LEAD, "--domain", "x.org"], ["nonsense"], ["--look-up", "done"]]
)
def test_a_batch_of_nothing_or_of_two_kinds_is_wrong_usage(stage: Stage, arguments: list[str]):
    ran = stage.run("reports", "batch", *arguments)
    assert (ran.status, ran.out, len(ran.err.splitlines())) == (2, "", 1)


def test_an_empty_batch_is_refused(stage: Stage):
    error = FailedPrecondition("The filter finds no lead.", reason="BATCH_EMPTY")
    ran, _ = stage.answer("reports", "batch", "--matching", ReportService_GenerateReports=error)
    assert (ran.status, ran.err) == (1, "error: The filter finds no lead.\n")


def test_every_wrong_field_is_told_in_one_line(stage: Stage):
    from services.errors import FieldViolation

    error = InvalidArgument.of(
        [FieldViolation("template", "is unknown"), FieldViolation("locale", "is none")]
    )
    ran, _ = stage.answer("reports", "generate", LEAD, ReportService_GenerateReport=error)
    assert ran.err == "error: template: is unknown; locale: is none.\n"
