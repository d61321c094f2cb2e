"""Between `leadfactory.lead.v1` messages and the domain's values."""

import hashlib
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from lead_service.domain import (
    EDITABLE,
    Draft,
    Lead,
    LeadFilter,
    LeadPage,
    Order,
    OrderKey,
    Position,
    RequestKey,
)
from lead_service.facts import EnrichmentStatus, Fact
from lead_service.suggestions import Suggestion
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import transfers_pb2
from services import masks, paging
from services.errors import InvalidArgument
from services.hosts import host_name
from services.times import from_token, moment_if_given, timestamp, timestamp_if_given

Deciding = pb.AcceptSuggestionRequest | pb.DismissSuggestionRequest
Merging = pb.MergeLeadRequest | pb.UnmergeLeadRequest
Writing = pb.UpdateLeadRequest | pb.DeleteLeadRequest | pb.EnrichLeadRequest | Deciding | Merging
Keyed = pb.CreateLeadRequest | pb.QuickAddLeadRequest | Writing
Filtered = pb.ListLeadsRequest | transfers_pb2.ExportLeadsRequest
Guarded = pb.UndeleteLeadRequest | Writing


def quick_draft(request: pb.QuickAddLeadRequest) -> Draft:
    """Decode a lead that a person typed in."""
    return Draft(request.email, request.domain, is_manual=True)


def draft(request: pb.CreateLeadRequest) -> Draft:
    """Decode a lead as its creator describes it."""
    return Draft(request.email, request.domain, request.name, request.is_manual)


def request_key(request: Keyed, method: str, subject: str) -> RequestKey:
    """Decode what a request is called by its sender, with a digest of everything else it says."""
    rest = type(request)()
    rest.CopyFrom(request)  # type: ignore[arg-type]  # both are of one type of the union
    rest.ClearField("request_id")
    digest = hashlib.sha256(rest.SerializeToString(deterministic=True)).digest()
    return RequestKey(subject, method, request.request_id, digest)


def revision(request: pb.UpdateLeadRequest) -> tuple[Draft, Collection[str]]:
    """Decode a lead's new values, and which of them to take; raises InvalidArgument."""
    given = request.lead
    if given.id not in ("", request.id):
        raise InvalidArgument("lead.id", "differs from the id of the lead to change", "ID_DIFFERS")
    revised = Draft(given.email, given.domain, given.name, given.is_manual)
    return revised, masks.taken(request.update_mask, EDITABLE)


def etags(request: Guarded) -> set[str]:
    """Decode how the caller knows the lead."""
    given = {request.etag}
    if isinstance(request, pb.UpdateLeadRequest):
        given.add(request.lead.etag)
    return given - {""}


def theirs(request: pb.MergeLeadRequest) -> set[str]:
    """Decode which fields the lead that stays takes from the other one."""
    return {name for name in EDITABLE if getattr(request, name) == pb.MergeLeadRequest.THEIRS}


def moment(request: pb.GetLeadRequest) -> datetime | None:
    """Decode as of when the lead is wanted, or None for now; raises InvalidArgument."""
    return moment_if_given(request, "as_of")


def suggestion_name(request: Deciding) -> tuple[UUID, UUID]:
    """Decode which suggestion of which lead is meant."""
    return UUID(request.id), UUID(request.suggestion_id)


def lead_filter(request: Filtered) -> LeadFilter:
    """Decode which leads to list; raises InvalidArgument."""
    return LeadFilter(
        is_manual=request.is_manual if request.HasField("is_manual") else None,
        enrichment_status=EnrichmentStatus(pb.Lead.EnrichmentStatus.Name(request.enrichment_status))
        if request.enrichment_status
        else None,
        q=" ".join(request.q.split()),
        email=request.email.strip(),
        domain=host_name(request.domain) if request.domain else "",
        created_by=request.created_by,
        created_after=moment_if_given(request, "created_after"),
        created_before=moment_if_given(request, "created_before"),
        show_deleted=request.show_deleted,
        import_id=UUID(request.import_id) if request.import_id else None,
    )


def page_request(request: pb.ListLeadsRequest) -> tuple[int, Position | None, Order]:
    """Decode the page's size, the place behind which it begins, and the order; raises InvalidArgument."""
    order = Order.parse(request.order_by)
    asked = paging.request(request.page_size, request.page_token, binding=_binding(request))
    if asked.after is None:
        return asked.size, None, order
    try:
        text, lead_id = asked.after
        text.encode()
        value = from_token(text) if order.key is OrderKey.CREATED_AT else text
        return asked.size, Position(value, UUID(lead_id)), order
    except ValueError:
        raise paging.foreign_token() from None


def page(found: LeadPage, request: pb.ListLeadsRequest) -> pb.ListLeadsResponse:
    """Encode the reply to `request`."""
    following = ""
    if found.next:
        value = found.next.value
        text = value.isoformat() if isinstance(value, datetime) else value
        following = paging.token([text, str(found.next.id)], binding=_binding(request))
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
        enriched_at=timestamp_if_given(value.enrichment.ended_at),
        facts=map(_fact, value.facts),
        suggestions=map(_suggestion, value.shown_suggestions),
        created_by=value.created_by,
        created_at=timestamp(value.created_at),
        updated_at=timestamp(value.updated_at),
        etag=value.etag,
        delete_time=timestamp_if_given(value.deleted_at),
        import_id=str(value.import_id or ""),
        merged_into=str(value.merged_into or ""),
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
        observed_at=timestamp(value.observed_at),
        evidence_sha256=value.evidence_sha256,
    )


def _suggestion(value: Suggestion) -> pb.Suggestion:
    return pb.Suggestion(
        id=str(value.id),
        field=value.field,
        value=value.value,
        source=value.source,
        fact=value.fact,
        observed_at=timestamp(value.observed_at),
        state=pb.Suggestion.State.Value(value.state),
        decided_by=value.decided_by,
        decided_at=timestamp_if_given(value.decided_at),
    )


def _binding(request: pb.ListLeadsRequest) -> str:
    return f"{lead_filter(request)!r} order={Order.parse(request.order_by)}"
