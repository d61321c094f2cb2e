"""`leadfactory reports batch`: reports on many leads at once."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import typer
from rich.table import Table

from client import downloads, options, output
from client.calls import TRANSFER_SECONDS
from client.failures import REFUSED, Problem
from client.options import AsJson
from client.session import Session
from protos.leadfactory.report.v1.report_pb2 import (
    DownloadReportBatchRequest,
    GenerateReportsRequest,
    LeadFilter,
    ReportBatch,
    WatchReportBatchRequest,
)


def batch(
    context: typer.Context,
    lead_ids: Annotated[list[UUID] | None, typer.Argument(metavar="[LEAD]...", help="The leads.")] = None,
    leads_from: Annotated[
        Path | None,
        typer.Option(
            help="Read the leads' ids from this file, one a line, - for standard input.", allow_dash=True
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--matching", help="Report on every lead that matches the options below.")
    ] = False,
    query: options.Text = "",
    domain: options.Domain = "",
    look_up: options.Status = None,
    manual: options.Manual = None,
    created_by: options.CreatedBy = "",
    created_after: options.CreatedAfter = None,
    created_before: options.CreatedBefore = None,
    template: options.Template = "",
    locale: options.Locale = "",
    run: options.Run = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every report has ended.")] = False,
    save: Annotated[
        Path | None, typer.Option("--output", "-o", help="Wait, then download all PDFs as this ZIP file.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Have reports made on many leads: those named, or with --matching all that match."""
    session = Session.of(context)
    ids = [str(each) for each in (*(lead_ids or ()), *(_read(leads_from) if leads_from else ()))]
    chosen = LeadFilter()
    options.fill(
        chosen, q=query, domain=domain, enrichment_status=look_up, is_manual=manual, created_by=created_by,
        created_after=created_after, created_before=created_before,
    )  # fmt: skip
    if every == bool(ids):
        raise typer.BadParameter("name leads, or give --matching; not both.")
    if not every and chosen.ByteSize():
        raise typer.BadParameter("options that choose leads go with --matching.")
    name, version = options.split_template(template)
    services = session.services
    made = services.ask(
        services.reports.GenerateReports,
        GenerateReportsRequest(
            lead_ids=ids, filter=chosen if every else None, template=name, template_version=version,
            locale=locale, pipeline_run_id=run, request_id=str(uuid4()),
        ),
    )  # fmt: skip
    if wait or save is not None:
        made = _ended(session, made)
    if save is not None:
        saved = downloads.save(session, "Downloading", _zip(session, made.id), save)
        if not session.output.as_json:
            session.output.note(f"{saved.path}: {output.size(saved.size_bytes)}")
    session.output.document(made, _details(made))
    return REFUSED if made.failed or made.cancelled else 0


def _ended(session: Session, made: ReportBatch) -> ReportBatch:
    services = session.services
    request = WatchReportBatchRequest(id=made.id)
    with session.output.progress() as progress:
        task = progress.add_task("Making reports", total=made.size)
        for made in services.stream(services.reports.WatchReportBatch, request, TRANSFER_SECONDS):
            progress.update(task, completed=made.completed + made.failed + made.cancelled)
    if made.queued or made.running:
        raise Problem(f"The batch goes on: see `leadfactory reports list --batch {made.id}`.")
    return made


def _zip(session: Session, batch_id: str) -> Iterator[bytes]:
    services = session.services
    request = DownloadReportBatchRequest(id=batch_id)
    for body in services.stream(services.reports.DownloadReportBatch, request, TRANSFER_SECONDS):
        yield body.data


def _read(path: Path) -> Iterator[UUID]:
    text = sys.stdin.read() if str(path) == "-" else path.read_text()
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield UUID(line.strip())
            except ValueError:
                raise Problem(f"{path}: line {number} is not a lead's id: {line.strip()[:80]!r}.") from None


def _details(made: ReportBatch) -> Table:
    counts = ("size", "queued", "running", "completed", "failed", "cancelled")
    return output.details(
        (
            ("batch", made.id),
            ("template", made.template_version_id),
            *((name, str(getattr(made, name))) for name in counts),
        )
    )
