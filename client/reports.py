"""`leadfactory reports generate | list | watch | download | batch`."""

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import typer
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from rich.table import Table

from client import downloads, options, output, pages
from client.downloads import Saved
from client.failures import REFUSED, Problem
from client.options import AsJson
from client.output import moment
from client.session import Session
from protos.leadfactory.report.v1.report_pb2 import (
    GenerateReportRequest,
    GetReportRequest,
    ListReportsRequest,
    ListReportsResponse,
    Report,
    WatchReportRequest,
)

ReportId = Annotated[UUID, typer.Argument(metavar="REPORT", help="The report's id.")]
COLUMNS = ("ID", "LEAD", "TEMPLATE", "STATUS", "LINEAGE", "CREATED")
ENDED = (Report.COMPLETED, Report.FAILED, Report.CANCELLED)


class Status(StrEnum):
    """How far a report has come."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


def generate(
    context: typer.Context,
    lead_id: Annotated[UUID, typer.Argument(metavar="LEAD", help="The lead to report on.")],
    template: options.Template = "",
    locale: options.Locale = "",
    run: options.Run = "",
    findings: Annotated[
        Path | None,
        typer.Option(help="A JSON file with findings of your own, - for standard input.", allow_dash=True),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the report has ended.")] = False,
    save: Annotated[
        Path | None, typer.Option("--output", "-o", help="Wait, then download the PDF to this file.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Have a report made on a lead. Without --wait or --output it is queued, and that is all."""
    session = Session.of(context)
    name, version = options.split_template(template)
    request = GenerateReportRequest(
        lead_id=str(lead_id), template=name, template_version=version, locale=locale,
        pipeline_run_id=run, request_id=str(uuid4()),
        assessment_data=None if findings is None else _findings(findings),
    )  # fmt: skip
    report = session.services.ask(session.services.reports.GenerateReport, request)
    if wait or save is not None:
        report = _ended(session, report)
    if save is not None and report.status == Report.COMPLETED:
        _say(session, downloads.pdf(session, report, save))
    session.output.document(report, _details(report))
    return REFUSED if report.status in (Report.FAILED, Report.CANCELLED) else 0


def list_reports(
    context: typer.Context,
    limit: options.Limit = 50,
    lead_id: Annotated[UUID | None, typer.Option("--lead", help="Only reports on this lead.")] = None,
    batch_id: Annotated[UUID | None, typer.Option("--batch", help="Only reports of this batch.")] = None,
    status: Annotated[
        Status | None, typer.Option(case_sensitive=False, help="Only reports that have come this far.")
    ] = None,
    page_token: pages.Token = "",
    as_json: AsJson = False,
) -> None:
    """List reports, newest first. With --json, next_page_token is empty if there are no more."""
    session = Session.of(context)
    request = ListReportsRequest(page_token=page_token)
    options.fill(request, lead_id=lead_id, batch_id=batch_id, status=status)
    method = session.services.reports.ListReports
    answer = pages.gather(session, method, request, ListReportsResponse(), "reports", limit)
    session.output.document(answer, output.table(COLUMNS, map(_row, answer.reports)))
    pages.tell_of_more(session, answer, len(answer.reports))


def watch(context: typer.Context, report_id: ReportId, as_json: AsJson = False) -> int:
    """Follow a report until it has ended. With --json each step is a line."""
    session = Session.of(context)
    report = Report()
    for report in _steps(session, str(report_id)):
        row = (Report.Status.Name(report.status), f"{report.progress} %", report.step or report.error)
        session.output.event(report, output.line(row, (9, 5)))
    return 0 if report.status == Report.COMPLETED else REFUSED


def download(
    context: typer.Context,
    report_id: ReportId,
    save: Annotated[
        Path | None, typer.Option("--output", "-o", help="File or folder; REPORT.pdf if empty.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download a report's PDF, and check that it is byte for byte what was made.

    A download that was interrupted is gone on from by the same command.
    """
    session = Session.of(context)
    report = session.services.ask(session.services.reports.GetReport, GetReportRequest(id=str(report_id)))
    if not report.pdf_sha256:
        raise Problem(
            f"The report is {Report.Status.Name(report.status)} and has no PDF:"
            f" see `leadfactory reports watch {report.id}`."
        )
    saved = downloads.pdf(session, report, save or Path())
    _say(session, saved)
    session.output.document(
        {
            "report_id": report.id,
            "path": str(saved.path),
            "size_bytes": saved.size_bytes,
            "pdf_sha256": saved.sha256,
            "resumed_from": saved.resumed_from,
        }
    )


def _steps(session: Session, report_id: str) -> Iterator[Report]:
    services = session.services
    return services.stream(services.reports.WatchReport, WatchReportRequest(id=report_id))


def _ended(session: Session, report: Report) -> Report:
    """Wait for the end with a bar that says what is being done."""
    with session.output.progress() as progress:
        task = progress.add_task("queued", total=100)
        for report in _steps(session, report.id):  # noqa: B020 - each one is the same report, further on
            progress.update(task, completed=report.progress, description=report.step or "queued")
    if report.status not in ENDED:
        raise Problem(f"The report goes on: see `leadfactory reports watch {report.id}`.")
    return report


def _findings(path: Path) -> Struct:
    text = sys.stdin.read() if str(path) == "-" else path.read_text()
    try:
        return json_format.Parse(text, Struct())
    except json_format.ParseError as error:
        raise Problem(f"{path} is not one JSON object: {error}.") from None


def _say(session: Session, saved: Saved) -> None:
    if not session.output.as_json:
        session.output.note(f"{saved.path}: {output.size(saved.size_bytes)}, SHA-256 {saved.sha256}")


def _row(report: Report) -> tuple[str, ...]:
    return (
        report.id,
        report.lead_id,
        report.template_version_id,
        Report.Status.Name(report.status),
        Report.LineageStatus.Name(report.lineage_status),
        moment(report.created_at),
    )


def _details(report: Report) -> Table:
    return output.details(
        (
            ("id", report.id),
            ("lead", report.lead_id),
            ("template", report.template_version_id),
            ("status", Report.Status.Name(report.status)),
            ("", report.error),
            ("pages", str(report.page_count or "")),
            ("size", output.size(report.pdf_size_bytes) if report.pdf_size_bytes else ""),
            ("SHA-256", report.pdf_sha256),
            ("lineage", Report.LineageStatus.Name(report.lineage_status)),
            ("run", report.pipeline_run_id),
            ("created", f"{moment(report.created_at)} by {report.created_by}"),
            ("ended", moment(report.completed_at)),
        )
    )
