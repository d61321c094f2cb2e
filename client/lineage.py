"""`leadfactory lineage show | logs | inputs | lookup | diff`: where a report came from."""

import hashlib
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from google.api.httpbody_pb2 import HttpBody

from client import downloads, options, output
from client.calls import TRANSFER_SECONDS
from client.failures import REFUSED, Problem
from client.options import AsJson
from client.output import moment
from client.session import Session
from protos.leadfactory.lineage.v1.lineage_pb2 import (
    DiffLineageRequest,
    DownloadRawInputsRequest,
    GetLineageByReportRequest,
    GetLineageLogsRequest,
    Lineage,
    LineageDiff,
    LookupPdfRequest,
    LookupPdfResponse,
)

ReportId = Annotated[UUID, typer.Argument(metavar="REPORT", help="The report's id.")]
PIECE_BYTES = 256 * 1024
# How much of a gzip member is unfolded at once, whatever it says of itself.
UNFOLDED_BYTES = 1024 * 1024
GZIP = 16 + zlib.MAX_WBITS


def show(context: typer.Context, report_id: ReportId, as_json: AsJson = False) -> None:
    """Show the lineage of a report: its lead, run, template, environment, and every digest."""
    session = Session.of(context)
    lineage = _of(session, report_id)
    session.output.document(lineage, output.details(_pairs(lineage)))


def logs(context: typer.Context, report_id: ReportId, as_json: AsJson = False) -> None:
    """Print the log of the run that made a report. With --json, its lines as they were written."""
    session = Session.of(context)
    lineage, services = _of(session, report_id), session.services
    bodies = services.stream(
        services.lineage.GetLineageLogs, GetLineageLogsRequest(lineage_id=lineage.lineage_id)
    )
    for line in _lines(_unfolded(bodies)):
        event = _event(line)
        session.output.event(event, output.line(_words(event), (24, 28)))


def inputs(
    context: typer.Context, report_id: ReportId, save: options.Save = None, as_json: AsJson = False
) -> None:
    """Print the raw inputs that a report was made from, after checking their SHA-256.

    To standard output they are indented; with --json, and in a file, they are byte for byte what was kept.
    """
    session = Session.of(context)
    lineage, services = _of(session, report_id), session.services
    pieces = _unfolded(
        services.stream(
            services.lineage.DownloadRawInputs,
            DownloadRawInputsRequest(lineage_id=lineage.lineage_id),
            TRANSFER_SECONDS,
        )
    )
    if save is not None:
        saved = downloads.save(session, "Downloading", _checked(pieces, lineage), save)
        session.output.document(
            {"path": str(saved.path), "size_bytes": saved.size_bytes, "inputs_sha256": saved.sha256}
        )
        if not session.output.as_json:
            session.output.note(f"{saved.path}: {output.size(saved.size_bytes)}, SHA-256 {saved.sha256}")
        return
    whole = b"".join(_checked(pieces, lineage))
    if session.output.as_json:
        sys.stdout.buffer.write(whole + b"\n")
        sys.stdout.buffer.flush()
    else:
        for line in json.dumps(json.loads(whole), indent=2, ensure_ascii=False).splitlines():
            session.output.people.print(output.cell(line), soft_wrap=True)


def lookup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The PDF.")],
    digest_only: Annotated[
        bool,
        typer.Option("--digest-only", help="Send the SHA-256 alone: finds what is GENUINE, nothing else."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Say whether a PDF was issued here, and from what it was made.

    GENUINE: byte for byte what was issued. ALTERED: issued here, and changed since. UNKNOWN: nothing in it
    leads to a lineage. Only GENUINE ends with exit status 0. The SHA-256 is sent first, and the file only
    if that is not known.
    """
    session = Session.of(context)
    services = session.services
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        answer = services.send(services.lineage.LookupPdf, [LookupPdfRequest(sha256=digest)])
        if answer.verdict == LookupPdfResponse.UNKNOWN and not digest_only:
            opened.seek(0)
            answer = services.send(services.lineage.LookupPdf, _pdf(opened))
    shown = [("verdict", LookupPdfResponse.Verdict.Name(answer.verdict)), ("remark", answer.remark)]
    if answer.verdict == LookupPdfResponse.UNKNOWN:
        shown.append(("SHA-256", answer.sha256))
    else:
        shown += [("known by", LookupPdfResponse.Evidence.Name(answer.evidence)), *_pairs(answer.lineage)]
    session.output.document(answer, output.details(shown))
    return 0 if answer.verdict == LookupPdfResponse.GENUINE else REFUSED


def diff(
    context: typer.Context,
    a: Annotated[UUID, typer.Argument(metavar="A", help="The first report's id.")],
    b: Annotated[UUID, typer.Argument(metavar="B", help="The second report's id.")],
    as_json: AsJson = False,
) -> None:
    """Say what differs between two reports: inputs by JSON path, template and environment."""
    session = Session.of(context)
    services = session.services
    found = services.ask(services.lineage.DiffLineage, DiffLineageRequest(a=str(a), b=str(b)), seconds=60)
    sides = output.details(
        (name, "identical" if same else "different")
        for name, same in (
            ("inputs", found.inputs_identical),
            ("template", found.template_identical),
            ("environment", found.environment_identical),
            ("PDF", found.pdf_identical),
        )
    )
    changes = output.table(
        ("CHANGE", "PATH", "A", "B"),
        ((LineageDiff.Change.Kind.Name(each.kind), each.path, each.a, each.b) for each in found.changes),
    )
    session.output.document(found, sides, *(("", changes) if found.changes else ()))
    if found.changes_total > len(found.changes) and not session.output.as_json:
        session.output.note(f"{len(found.changes)} of {found.changes_total} changes.")


def _of(session: Session, report_id: UUID) -> Lineage:
    services = session.services
    return services.ask(
        services.lineage.GetLineageByReport, GetLineageByReportRequest(report_id=str(report_id))
    )


def _pairs(lineage: Lineage) -> list[tuple[str, str]]:
    stored = f"{lineage.compression_ratio:.0%} saved"
    if len(lineage.parts) > 1:
        stored += f", in {len(lineage.parts)} parts"
    return [
        ("lineage", lineage.lineage_id),
        ("report", lineage.report_generation_id),
        ("lead", lineage.lead_id),
        ("run", lineage.pipeline_run_id),
        ("template", lineage.template_version_id),
        ("status", Lineage.Status.Name(lineage.status) if lineage.status else ""),
        ("started", moment(lineage.pipeline_start_time)),
        ("took", f"{lineage.pipeline_duration_seconds:.1f} s"),
        ("raw inputs", f"{output.size(lineage.raw_inputs_size_bytes)}, {stored}"),
        ("removed", moment(lineage.raw_inputs_expired_at)),
        ("inputs SHA-256", lineage.inputs_sha256),
        ("PDF SHA-256", lineage.pdf_sha256),
        ("template digest", lineage.template_digest),
        ("environment", lineage.environment_digest),
        ("recorded", moment(lineage.created_at)),
        ("read", f"{lineage.access_count} times, last {moment(lineage.last_accessed_at)}"),
    ]


def _unfolded(bodies: Iterable[HttpBody]) -> Iterator[bytes]:
    """Yield what gzip members (RFC 1952), one after the other, unfold to, a little at a time."""
    member = zlib.decompressobj(GZIP)
    try:
        for body in bodies:
            data = body.data
            while data:
                piece = member.decompress(data, UNFOLDED_BYTES)
                if piece:
                    yield piece
                data = member.unused_data if member.eof else member.unconsumed_tail
                if member.eof:
                    member = zlib.decompressobj(GZIP)
    except zlib.error as error:
        raise Problem(f"What arrived is not gzip: {error}.") from None


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from filter(None, whole)
    if rest:
        yield rest


def _checked(pieces: Iterable[bytes], lineage: Lineage) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != lineage.inputs_sha256:
        raise Problem(
            f"What arrived are not the raw inputs of report {lineage.report_generation_id}: their SHA-256 is"
            f" {digest.hexdigest()}, not {lineage.inputs_sha256}. Nothing was kept."
        )


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"event": line.decode(errors="replace")}


def _words(event: dict[str, Any]) -> list[str]:
    """Return when and what an event was, then what else it says."""
    rest = dict(event)
    first = [str(rest.pop(name, "")) for name in ("time", "event")]
    return [*first, " ".join(f"{name}={value}" for name, value in rest.items())]


def _pdf(opened: Any) -> Iterator[LookupPdfRequest]:
    while piece := opened.read(PIECE_BYTES):
        yield LookupPdfRequest(pdf=HttpBody(content_type="application/pdf", data=piece))
