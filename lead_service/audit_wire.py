"""Between the audit's messages and the domain's values."""

from decimal import Decimal
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from lead_service.audit import Action, AuditEntry, AuditFilter, AuditPage, AuditPosition
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from services import paging
from services.errors import InvalidArgument
from services.times import from_token, moment_if_given, timestamp

EVERY_LEAD = "-"


def audit_filter(request: pb.ListLeadAuditRequest) -> AuditFilter:
    """Decode which entries to list; raises InvalidArgument."""
    try:
        # As AIP-127 has it, an address without a length is a network of one.
        network = ip_network(request.ip_address, strict=False) if request.ip_address else None
    except ValueError:
        raise InvalidArgument("ip_address", "must be an address or a network such as 10.0.0.0/8") from None
    return AuditFilter(
        lead_id=None if request.id == EVERY_LEAD else UUID(request.id),
        user_id=request.user_id or None,
        action=Action(pb.AuditEntry.Action.Name(request.action)) if request.action else None,
        changed_field=request.field or None,
        created_after=moment_if_given(request, "created_after"),
        created_before=moment_if_given(request, "created_before"),
        network=network,
    )


def audit_page_request(request: pb.ListLeadAuditRequest) -> tuple[int, AuditPosition | None]:
    """Decode the page's size and the place behind which it begins; raises InvalidArgument."""
    asked = paging.request(request.page_size, request.page_token, binding=_binding(request))
    if asked.after is None:
        return asked.size, None
    try:
        created_at, entry_id = asked.after
        return asked.size, AuditPosition(from_token(created_at), UUID(entry_id))
    except ValueError:
        raise paging.foreign_token() from None


def audit_page(found: AuditPage, request: pb.ListLeadAuditRequest) -> pb.ListLeadAuditResponse:
    """Encode the reply to `request`."""
    following = (
        paging.token([found.next.created_at.isoformat(), str(found.next.id)], binding=_binding(request))
        if found.next
        else ""
    )
    return pb.ListLeadAuditResponse(entries=map(_entry, found.entries), next_page_token=following)


def _entry(entry: AuditEntry) -> pb.AuditEntry:
    message = pb.AuditEntry(
        id=str(entry.id),
        lead_id=str(entry.lead_id or ""),
        version=entry.version or 0,
        action=pb.AuditEntry.Action.Value(entry.action),
        code=entry.code,
        reason=entry.reason,
        user_id=entry.user_id,
        roles=entry.roles,
        workload=entry.workload or "",
        ip_address=str(entry.ip_address or ""),
        user_agent=entry.user_agent,
        request_id=entry.request_id,
        method=entry.method,
        changed_fields=entry.changed_fields,
        previous_hash=(entry.previous_hash or b"").hex(),
        entry_hash=entry.entry_hash.hex(),
        created_at=timestamp(entry.created_at),
    )
    message.old_values.update(_struct(dict(entry.old_values)))
    message.new_values.update(_struct(dict(entry.new_values)))
    return message


def _struct(value: Any) -> Any:
    match value:
        case dict():
            return {key: _struct(each) for key, each in value.items()}
        case list():
            return [_struct(each) for each in value]
        case Decimal():
            return float(value)
        case _:
            return value


def _binding(request: pb.ListLeadAuditRequest) -> str:
    asked = pb.ListLeadAuditRequest()
    asked.CopyFrom(request)
    for name in ("page_size", "page_token"):
        asked.ClearField(name)
    return f"audit {asked.SerializeToString(deterministic=True).hex()}"
