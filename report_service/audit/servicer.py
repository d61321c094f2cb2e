"""ReportAuditService over gRPC: decode, one call, encode."""

from typing import Any

import grpc

from protos.leadfactory.report.v1 import audit_pb2 as pb
from protos.leadfactory.report.v1 import audit_pb2_grpc
from report_service.audit import notes, wire
from report_service.audit.domain import AuditStores
from services.clock import Clock

Context = grpc.aio.ServicerContext[Any, Any]


class ReportAuditServicer(audit_pb2_grpc.ReportAuditServiceServicer):
    """Keeps the promises of ``audit.proto``."""

    def __init__(self, audits: AuditStores, clock: Clock) -> None:
        """Take where the audit is kept, and the time."""
        self._audits = audits
        self._clock = clock

    async def ListReportAudit(
        self, request: pb.ListReportAuditRequest, context: Context
    ) -> pb.ListReportAuditResponse:
        """List entries."""
        entries, token = await notes.page(
            self._audits, wire.wanted(request), request.page_size, request.page_token, clock=self._clock
        )
        return pb.ListReportAuditResponse(entries=map(wire.entry_message, entries), next_page_token=token)
