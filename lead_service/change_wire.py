"""Between the messages of `WatchLeads` and the domain's values."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from lead_service import wire
from lead_service.audit import Action
from lead_service.changes import ChangeFilter, ChangePosition
from lead_service.facts import EnrichmentStatus
from lead_service.watching import Told
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from services.hosts import host_name

_KINDS: Final[Mapping[Action, "pb.LeadEvent.Kind.ValueType"]] = {
    Action.CREATE: pb.LeadEvent.CREATED,
    Action.DELETE: pb.LeadEvent.DELETED,
    Action.UNDELETE: pb.LeadEvent.UNDELETED,
}


def change_filter(request: pb.WatchLeadsRequest) -> ChangeFilter:
    """Decode whose changes to tell; raises InvalidArgument."""
    status = pb.Lead.EnrichmentStatus.Name(request.enrichment_status)
    return ChangeFilter(
        ids=frozenset(map(UUID, request.ids)),
        enrichment_status=EnrichmentStatus(status) if request.enrichment_status else None,
        is_manual=request.is_manual if request.HasField("is_manual") else None,
        domain=host_name(request.domain) if request.domain else "",
    )


def place(request: pb.WatchLeadsRequest) -> ChangePosition | None:
    """Decode where an earlier watch stopped; raises InvalidArgument."""
    return ChangePosition.parse(request.resume_token) if request.resume_token else None


def event(told: Told) -> pb.LeadEvent:
    """Encode a change, or that there was none."""
    token, change = str(told.position), told.change
    if change is None:
        return pb.LeadEvent(kind=pb.LeadEvent.HEARTBEAT, resume_token=token)
    return pb.LeadEvent(
        kind=_KINDS.get(change.action, pb.LeadEvent.UPDATED),
        lead=wire.lead(change.lead) if change.lead else pb.Lead(id=str(change.lead_id)),
        resume_token=token,
    )
