"""Between the messages of files that come and go and the domain's values."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import UUID

from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format

from lead_service import cells
from lead_service.exporting import Form
from lead_service.imports import Conflict, Existing, LeadImport, Options, Rejection
from protos.leadfactory.lead.v1 import transfers_pb2 as pb
from services import paging
from services.downloads import CHUNK_BYTES, disposition
from services.errors import Aborted
from services.times import timestamp, timestamp_if_given

_CSV = "text/csv; charset=utf-8"


async def opened(requests: AsyncIterable[pb.ImportLeadsRequest]) -> tuple[Options, AsyncIterator[bytes]]:
    """Decode an upload: its options, and the bytes of the file; raises Aborted if it breaks off."""
    messages = aiter(requests)
    opening = await anext(messages, None)
    if opening is None:
        raise _broken_off()
    options = Options(
        columns=dict(opening.columns),
        existing=Existing(pb.ImportLeadsRequest.Existing.Name(opening.existing))
        if opening.existing
        else Existing.SKIP,
        dry_run=opening.dry_run,
        enrich=opening.enrich,
        request_id=opening.request_id,
        filename=" ".join(opening.filename.split()),
    )
    return options, _content(opening, messages)


async def _content(
    opening: pb.ImportLeadsRequest, messages: AsyncIterator[pb.ImportLeadsRequest]
) -> AsyncIterator[bytes]:
    message: pb.ImportLeadsRequest | None = opening
    while message is not None:
        yield message.content.data
        if message.is_last:
            return
        message = await anext(messages, None)
    # To the server a call that was cancelled looks like one whose client has sent everything.
    raise _broken_off()


def _broken_off() -> Aborted:
    return Aborted(
        "The file broke off: the message that says it is the last never came.", reason="BROKEN_OFF"
    )


def lead_import(value: LeadImport) -> pb.LeadImport:
    """Encode an import."""
    options, counts = value.options, value.counts
    return pb.LeadImport(
        id=str(value.id),
        state=pb.LeadImport.State.Value(value.state),
        filename=options.filename,
        columns=value.columns,
        ignored_columns=value.ignored_columns,
        existing=pb.ImportLeadsRequest.Existing.Value(options.existing),
        dry_run=options.dry_run,
        enrich=options.enrich,
        rows=counts.rows,
        created=counts.created,
        updated=counts.updated,
        unchanged=counts.unchanged,
        duplicates=counts.duplicates,
        refused=counts.refused,
        look_ups=counts.look_ups,
        error=value.error,
        created_by=value.created_by,
        created_at=timestamp(value.created_at),
        ended_at=timestamp_if_given(value.ended_at),
        undone=value.undone,
        conflicts=value.conflicts,
        undone_by=value.undone_by,
        undone_at=timestamp_if_given(value.undone_at),
    )


def page_request(request: pb.ListLeadImportsRequest) -> tuple[int, UUID | None]:
    """Decode the page's size and the import behind which it begins; raises InvalidArgument."""
    asked = paging.request(request.page_size, request.page_token, binding="imports")
    try:
        return asked.size, UUID(asked.after[0]) if asked.after else None
    except (ValueError, IndexError):
        raise paging.foreign_token() from None


def page(found: Sequence[LeadImport], after: UUID | None) -> pb.ListLeadImportsResponse:
    """Encode a page of imports."""
    following = paging.token([str(after)], binding="imports") if after else ""
    return pb.ListLeadImportsResponse(imports=map(lead_import, found), next_page_token=following)


def conflict_request(request: pb.ListLeadImportConflictsRequest) -> tuple[int, int]:
    """Decode the page's size and the row behind which it begins; raises InvalidArgument."""
    asked = paging.request(request.page_size, request.page_token, binding=f"conflicts {request.import_id}")
    try:
        return asked.size, min(int(asked.after[0]), 2**31 - 1) if asked.after else 0
    except (ValueError, IndexError):
        raise paging.foreign_token() from None


def conflicts(
    found: Sequence[Conflict], after: int, request: pb.ListLeadImportConflictsRequest
) -> pb.ListLeadImportConflictsResponse:
    """Encode a page of conflicts."""
    binding = f"conflicts {request.import_id}"
    return pb.ListLeadImportConflictsResponse(
        conflicts=[
            pb.ListLeadImportConflictsResponse.Conflict(row=each.row, lead_id=str(each.lead_id))
            for each in found
        ],
        next_page_token=paging.token([str(after)], binding=binding) if after else "",
    )


def form(request: pb.ExportLeadsRequest, metadata: Iterable[tuple[str, Any]] | None) -> Form:
    """Decode what an export is to be written as."""
    if request.format:
        return Form(request.format.lower())
    accepted = dict(metadata or ()).get("http-accept", "")
    return Form.NDJSON if "application/x-ndjson" in str(accepted).lower() else Form.CSV


def told(request: pb.ExportLeadsRequest, written: Form) -> str:
    """Say in the audit what is taken out."""
    asked = json_format.MessageToJson(
        request, preserving_proto_field_name=True, indent=None, ensure_ascii=False
    )
    return f"{written} {asked}"


async def rejected(pages: AsyncIterator[list[Rejection]]) -> AsyncIterator[bytes]:
    """Encode what was wrong with which rows."""
    yield cells.lines([("row", "column", "value", "reason")])
    async for page in pages:
        yield cells.lines((str(each.row), each.column, each.value, each.reason) for each in page)


def headers(filename: str) -> tuple[tuple[str, str], ...]:
    """Encode what a browser is told about a file that is made as it is sent."""
    return (
        ("http-content-disposition", disposition(filename)),
        ("http-cache-control", "private, no-store"),
        ("http-vary", "accept"),
    )


async def bodies(pieces: AsyncIterator[bytes], media_type: str) -> AsyncIterator[HttpBody]:
    """Encode a file; the first message carries the type."""
    async for piece in pieces:
        for start in range(0, max(len(piece), 1), CHUNK_BYTES):
            yield HttpBody(content_type=media_type, data=piece[start : start + CHUNK_BYTES])
            media_type = ""
