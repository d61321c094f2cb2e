"""Searches and their pages."""

from uuid import UUID

from lineage_service import words
from lineage_service.domain import LineageFilter, LineagePage, Order, Position
from lineage_service.wire import records
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services import paging
from services.times import from_token, moment_if_given


def wanted(request: pb.SearchLineageRequest) -> LineageFilter:
    """Read which lineages to show; raises InvalidArgument."""
    return LineageFilter(
        words=words.asked(request.q, "q"),
        lead_id=UUID(request.lead_id) if request.lead_id else None,
        pipeline_run_id=request.pipeline_run_id,
        template_version_id=request.template_version_id,
        pdf_sha256=bytes.fromhex(request.pdf_sha256),
        inputs_sha256=bytes.fromhex(request.inputs_sha256),
        created_after=moment_if_given(request, "created_after"),
        created_before=moment_if_given(request, "created_before"),
    )


def place(request: pb.SearchLineageRequest) -> tuple[int, Position | None, Order]:
    """Read the page's size, the place behind which it begins, and the order; raises InvalidArgument."""
    order = Order.parse(request.order_by)
    asked = paging.request(request.page_size, request.page_token, binding=_binding(request))
    if asked.after is None:
        return asked.size, None, order
    try:
        time, lineage_id = asked.after
        return asked.size, Position(from_token(time), UUID(lineage_id)), order
    except ValueError:
        raise paging.foreign_token() from None


def page(found: LineagePage, request: pb.SearchLineageRequest) -> pb.SearchLineageResponse:
    """Write the reply to a request."""
    following = ""
    if found.next is not None:
        position = [found.next.recorded_at.isoformat(), str(found.next.lineage_id)]
        following = paging.token(position, binding=_binding(request))
    return pb.SearchLineageResponse(
        lineages=map(records.lineage, found.lineages),
        next_page_token=following,
        total_size_estimate=min(found.total_estimate, 2**31 - 1),
    )


def _binding(request: pb.SearchLineageRequest) -> str:
    return f"{wanted(request)!r} {Order.parse(request.order_by)!r}"
