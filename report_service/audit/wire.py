"""Between the messages of the audit and this package's own values."""

from datetime import UTC, datetime
from typing import Literal

from google.protobuf.timestamp_pb2 import Timestamp

from protos.leadfactory.report.v1 import audit_pb2 as pb
from report_service.audit.domain import Action, AuditFilter, Entry
from services.errors import InvalidArgument


def wanted(request: pb.ListReportAuditRequest) -> AuditFilter:
    """Read which entries a caller wants to see."""
    return AuditFilter(
        action=Action(pb.ReportAuditEntry.Action.Name(request.action)) if request.action else None,
        user_id=request.user_id or None,
        resource=request.resource or None,
        created_after=_moment(request, "created_after"),
        created_before=_moment(request, "created_before"),
    )


def entry_message(entry: Entry) -> pb.ReportAuditEntry:
    """Show an entry."""
    caller = entry.caller
    message = pb.ReportAuditEntry(
        id=str(entry.id),
        action=pb.ReportAuditEntry.Action.Value(entry.action),
        user_id=caller.user_id,
        roles=caller.roles,
        workload=caller.workload,
        ip_address=caller.ip_address,
        user_agent=caller.user_agent,
        request_id=caller.request_id,
        method=caller.method,
        resource=entry.resource,
        reason=entry.reason,
    )
    message.created_at.FromDatetime(entry.created_at)
    return message


def _moment(
    request: pb.ListReportAuditRequest, field: Literal["created_after", "created_before"]
) -> datetime | None:
    if not request.HasField(field):
        return None
    stamp: Timestamp = getattr(request, field)
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument(field, "must be a time between the years 1 and 9999") from None
