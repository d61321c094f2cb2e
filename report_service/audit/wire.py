"""Between the messages of the audit and this package's own values."""

from protos.leadfactory.report.v1 import audit_pb2 as pb
from report_service.audit.domain import Action, AuditFilter, Entry
from services.times import moment_if_given, timestamp


def wanted(request: pb.ListReportAuditRequest) -> AuditFilter:
    """Read which entries a caller wants to see."""
    return AuditFilter(
        action=Action(pb.ReportAuditEntry.Action.Name(request.action)) if request.action else None,
        user_id=request.user_id or None,
        resource=request.resource or None,
        created_after=moment_if_given(request, "created_after"),
        created_before=moment_if_given(request, "created_before"),
    )


def entry_message(entry: Entry) -> pb.ReportAuditEntry:
    """Show an entry."""
    caller = entry.caller
    return pb.ReportAuditEntry(
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
        created_at=timestamp(entry.created_at),
    )
