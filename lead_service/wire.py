"""Between `leadfactory.lead.v1` messages and the domain's values."""

from datetime import datetime, timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from lead_service.domain import Draft, EnrichmentStatus, Fact, Lead, LeadFilter, LeadPage, Position
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from services import paging
from services.errors import InvalidArgument


def quick_draft(request: pb.QuickAddLeadRequest) -> Draft:
    """Decode a lead that a person typed in."""
    return Draft(request.email, request.domain, is_manual=True)


def draft(request: pb.CreateLeadRequest) -> Draft:
    """Decode a lead as its creator describes it."""
    return Draft(request.email, request.domain, request.name, request.is_manual)


def lead_filter(request: pb.ListLeadsRequest) -> LeadFilter:
    """Decode which leads to list."""
    return LeadFilter(
        is_manual=request.is_manual if request.HasField("is_manual") else None,
        enrichment_status=EnrichmentStatus(pb.Lead.EnrichmentStatus.Name(request.enrichment_status))
        if request.enrichment_status
        else None,
    )


def page_request(request: pb.ListLeadsRequest) -> tuple[int, Position | None]:
    """Decode the page's size and the place behind which it begins; raises InvalidArgument."""
    asked = paging.request(request.page_size, request.page_token, binding=_binding(lead_filter(request)))
    if asked.after is None:
        return asked.size, None
    try:
        created_at, lead_id = asked.after
        position = Position(datetime.fromisoformat(created_at), UUID(lead_id))
    except ValueError:
        position = None
    # Anyone can write a token. Ours say UTC; a time near the calendar's ends would leave it in UTC.
    if position is None or position.created_at.utcoffset() != timedelta(0):
        raise InvalidArgument("page_token", "is not one that a page returned", "PAGE_TOKEN_INVALID")
    return asked.size, position


def page(found: LeadPage, request: pb.ListLeadsRequest) -> pb.ListLeadsResponse:
    """Encode the reply to `request`."""
    following = (
        paging.token(
            [found.next.created_at.isoformat(), str(found.next.id)], binding=_binding(lead_filter(request))
        )
        if found.next
        else ""
    )
    return pb.ListLeadsResponse(
        leads=map(lead, found.leads),
        next_page_token=following,
        total_size_estimate=min(found.total_estimate, 2**31 - 1),
    )


def lead(value: Lead) -> pb.Lead:
    """Encode a lead."""
    return pb.Lead(
        id=str(value.id),
        email=value.email,
        domain=value.domain,
        name=value.name,
        is_manual=value.is_manual,
        enrichment_status=pb.Lead.EnrichmentStatus.Value(value.enrichment.status),
        enrichment_task_id=value.enrichment.task_id,
        enrichment_error=value.enrichment.error,
        enriched_at=_timestamp(value.enrichment.ended_at) if value.enrichment.ended_at else None,
        facts=map(_fact, value.facts),
        created_by=value.created_by,
        created_at=_timestamp(value.created_at),
        updated_at=_timestamp(value.updated_at),
    )


def _fact(value: Fact) -> pb.Fact:
    return pb.Fact(
        provider=value.provider,
        name=value.name,
        state=pb.Fact.State.Value(value.state),
        values=value.values,
        source=value.source,
        method=value.method,
        reason=value.reason,
        observed_at=_timestamp(value.observed_at),
        evidence_sha256=value.evidence_sha256,
    )


def _binding(wanted: LeadFilter) -> str:
    return (
        f"is_manual={wanted.is_manual} enrichment_status={wanted.enrichment_status} "
        "order=created_at desc, id desc"
    )


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
