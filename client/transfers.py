"""`leadfactory leads import | export`: leads that come and go as files."""

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import uuid4

import typer
from google.api.httpbody_pb2 import HttpBody
from rich.progress import DownloadColumn, TransferSpeedColumn

from client import downloads, options, output
from client.calls import TRANSFER_SECONDS
from client.failures import NoAnswer
from client.options import AsJson
from client.session import Session
from protos.leadfactory.lead.v1.transfers_pb2 import (
    ExportLeadsRequest,
    ImportLeadsRequest,
    LeadImport,
    ListLeadImportErrorsRequest,
)
from services.errors import ServiceError

PIECE_BYTES = 64 * 1024
COUNTS = ("rows", "created", "updated", "unchanged", "duplicates", "refused", "look_ups")


class Format(StrEnum):
    """What leads are written as."""

    CSV = "csv"
    NDJSON = "ndjson"


def import_leads(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A CSV file with a header, - for standard input.", allow_dash=True
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every row, and write no lead.")] = False,
    update: Annotated[
        bool, typer.Option("--update-names", help="Give leads that are there already the file's names.")
    ] = False,
    look_up: Annotated[bool, typer.Option("--look-up", help="Look up the domains of new leads.")] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=HEADER", help="Read email, domain or name from this column; repeatable."),
    ] = None,
    refused: Annotated[
        Path | None, typer.Option(help="Write what was wrong with which row to this CSV file.")
    ] = None,
    request_id: Annotated[
        str, typer.Option(help="Go on with an import that broke off, under the id that it was given.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Import leads from a CSV file of any size.

    Rows that are no leads are passed over and counted; the others come in. A file that breaks off can be
    sent again under the same --request-id, and goes on where it ended.
    """
    session = Session.of(context)
    request_id = request_id or str(uuid4())
    head = ImportLeadsRequest(
        columns=_columns(column or []),
        existing=ImportLeadsRequest.UPDATE if update else ImportLeadsRequest.SKIP,
        dry_run=dry_run,
        enrich=look_up,
        request_id=request_id,
        filename="" if str(file) == "-" else file.name[:200],
    )
    try:
        # Standard input stays open: to close it would wait for whoever reads it.
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as opened:
            done = _send(session, head, opened)
    except (ServiceError, NoAnswer, KeyboardInterrupt) as error:
        if not isinstance(error, ServiceError) or "import" in error.metadata:
            session.output.note(
                "What was written until then stays. To go on where it ended, send the same file again with"
                f" --request-id {request_id}."
            )
        raise
    if refused is not None:
        _save_refusals(session, done, refused)
    counts = ((name.replace("_", "-"), str(getattr(done, name))) for name in COUNTS)
    session.output.document(done, output.details((("import", done.id), *counts)))
    if session.output.as_json:
        return
    if dry_run:
        session.output.note("A dry run: no lead was written.")
    if done.refused and refused is None:
        session.output.note(
            "To see which rows were refused and why, import again with --dry-run --refused FILE."
        )


def export(
    context: typer.Context,
    save: options.Save = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="csv; ndjson with --json.", show_default=False)
    ] = None,
    query: options.Text = "",
    email: options.Email = "",
    domain: options.Domain = "",
    look_up: options.Status = None,
    manual: options.Manual = None,
    created_by: options.CreatedBy = "",
    created_after: options.CreatedAfter = None,
    created_before: options.CreatedBefore = None,
    import_id: options.ImportId = None,
    deleted: options.Deleted = False,
    order: options.Order = "",
    as_json: AsJson = False,
) -> None:
    """Export every lead that matches, as CSV or as JSON a line, to a file or to standard output."""
    session = Session.of(context)
    as_lines = session.output.as_json and save is None
    if as_lines and form is Format.CSV:
        raise typer.BadParameter(
            "--json prints JSON: leave --format out, or write the CSV with --output FILE."
        )
    request = ExportLeadsRequest(format=form or (Format.NDJSON if as_lines else Format.CSV))
    options.fill(
        request, q=query, email=email, domain=domain, enrichment_status=look_up, is_manual=manual,
        created_by=created_by, created_after=created_after, created_before=created_before,
        import_id=import_id, show_deleted=deleted, order_by=order,
    )  # fmt: skip
    pieces = _data(session, request)
    if save is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    saved = downloads.save(session, "Exporting", pieces, save)
    session.output.document({"path": str(saved.path), "size_bytes": saved.size_bytes, "sha256": saved.sha256})
    if not session.output.as_json:
        session.output.note(f"{saved.path}: {output.size(saved.size_bytes)}")


def _send(session: Session, head: ImportLeadsRequest, opened: BinaryIO) -> LeadImport:
    with session.output.progress(DownloadColumn(), TransferSpeedColumn()) as progress:
        known = os.fstat(opened.fileno()).st_size if opened.seekable() else None
        task = progress.add_task("Importing", total=known)

        def requests() -> Iterator[ImportLeadsRequest]:
            """Yield the file piece by piece, each when gRPC has sent the one before."""
            yield head
            while piece := opened.read(PIECE_BYTES):
                yield ImportLeadsRequest(content=HttpBody(data=piece))
                progress.advance(task, len(piece))
            progress.update(task, description="Waiting for the last rows")
            # Only this says that the file is whole: a call that is broken off ends just as a finished one.
            yield ImportLeadsRequest(is_last=True)

        return session.services.send(session.services.transfers.ImportLeads, requests())


def _save_refusals(session: Session, done: LeadImport, path: Path) -> None:
    services = session.services
    bodies = services.stream(
        services.transfers.ListLeadImportErrors,
        ListLeadImportErrorsRequest(import_id=done.id),
        TRANSFER_SECONDS,
    )
    saved = downloads.save(session, "Writing refused rows", (body.data for body in bodies), path)
    if not session.output.as_json:
        session.output.note(f"{saved.path}: what was wrong with {done.refused} rows")


def _data(session: Session, request: ExportLeadsRequest) -> Iterator[bytes]:
    services = session.services
    for body in services.stream(services.transfers.ExportLeads, request, TRANSFER_SECONDS):
        yield body.data


def _columns(given: list[str]) -> dict[str, str]:
    columns = {}
    for each in given:
        field, equals, header = each.partition("=")
        if not equals or field not in ("email", "domain", "name"):
            raise typer.BadParameter(
                f"--column {each!r}: write FIELD=HEADER, where FIELD is email, domain or name."
            )
        columns[field] = header
    return columns
