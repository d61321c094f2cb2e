"""`leadfactory leads evidence`, `lineage evidence | reproduce`: what can be shown long after it happened."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from client import downloads, output
from client.calls import STREAM_SECONDS, TRANSFER_SECONDS
from client.failures import REFUSED
from client.leads import LeadId
from client.options import AsJson
from client.session import Session
from protos.leadfactory.lead.v1.lead_pb2 import DownloadLeadEvidenceRequest
from protos.leadfactory.report.v1.assurance_pb2 import ReproduceReportRequest, Reproduction
from protos.leadfactory.report.v1.report_pb2 import DownloadReportEvidenceRequest

ReportId = Annotated[UUID, typer.Argument(metavar="REPORT", help="The report's id.")]


def evidence(
    context: typer.Context,
    report_id: ReportId,
    save: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; evidence-REPORT.zip if empty.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download all there is about a report as a ZIP file that proves itself: see `leadfactory verify`."""
    session = Session.of(context)
    request = DownloadReportEvidenceRequest(id=str(report_id))
    _pack(session, session.services.reports.DownloadReportEvidence, request, "report_id", save)


def lead_evidence(
    context: typer.Context,
    lead_id: LeadId,
    save: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; evidence-LEAD.zip if empty.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download who did what to a lead as a ZIP file that proves itself: see `leadfactory verify`."""
    session = Session.of(context)
    request = DownloadLeadEvidenceRequest(id=str(lead_id))
    _pack(session, session.services.leads.DownloadLeadEvidence, request, "lead_id", save)


def reproduce(context: typer.Context, report_id: ReportId, as_json: AsJson = False) -> int:
    """Make a report again from what lineage keeps, and say whether it is byte for byte the same.

    Nothing is stored. What differs is named: environment, template, how pages look. Only an identical
    PDF ends with exit status 0.
    """
    session = Session.of(context)
    services = session.services
    with session.output.progress() as progress:
        progress.add_task("Making it again", total=None)
        # It waits for its turn, and is rendered while the call lasts.
        found = services.ask(
            services.assurance.ReproduceReport, ReproduceReportRequest(id=str(report_id)), STREAM_SECONDS
        )
    shown = output.details(
        (
            ("verdict", "identical" if found.identical else "different"),
            ("SHA-256", found.expected_sha256),
            ("now", found.actual_sha256 if found.actual_sha256 != found.expected_sha256 else ""),
            ("environment", "the same" if found.environment_matches else "another one"),
            ("pages compared", str(found.pages_compared or "")),
        )
    )
    differences = output.table(
        ("KIND", "WHAT", "DIFFERENCE"),
        ((Reproduction.Kind.Name(each.kind), each.name, each.message) for each in found.differences),
    )
    session.output.document(found, shown, *(("", differences) if found.differences else ()))
    return 0 if found.identical else REFUSED


def _pack(session: Session, method: Any, request: Any, of: str, save: Path | None) -> None:
    """Save an evidence pack, and say what came."""
    bodies = session.services.stream(method, request, TRANSFER_SECONDS)
    path = save or Path(f"evidence-{request.id}.zip")
    saved = downloads.save(session, "Downloading", (body.data for body in bodies), path)
    session.output.document(
        {of: request.id, "path": str(saved.path), "size_bytes": saved.size_bytes, "sha256": saved.sha256}
    )
    if not session.output.as_json:
        session.output.note(f"{saved.path}: {output.size(saved.size_bytes)}, SHA-256 {saved.sha256}")
