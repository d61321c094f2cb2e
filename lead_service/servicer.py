"""The lead context's RPCs: decode, one call, encode."""

from typing import Any
from uuid import UUID

import grpc.aio

from lead_service import audit_wire, auditing, leads, wire
from lead_service.audit import AuditStores
from lead_service.domain import LeadStores
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import lead_pb2_grpc
from services.clock import Clock
from services.identity import current_actor

Context = grpc.aio.ServicerContext[Any, Any]


class LeadServicer(lead_pb2_grpc.LeadServiceServicer):
    """Answers `leadfactory.lead.v1.LeadService`."""

    def __init__(self, stores: LeadStores, clock: Clock, audits: AuditStores) -> None:
        """Take where leads are kept, where the time comes from, and where changes are noted."""
        self._stores = stores
        self._clock = clock
        self._audits = audits

    async def ListLeads(self, request: pb.ListLeadsRequest, context: Context) -> pb.ListLeadsResponse:
        """See the proto."""
        found = await leads.page(self._stores, wire.lead_filter(request), *wire.page_request(request))
        return wire.page(found, request)

    async def CreateLead(self, request: pb.CreateLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        made = await leads.create(self._stores, wire.draft(request), current_actor().subject, self._clock)
        return wire.lead(made)

    async def QuickAddLead(self, request: pb.QuickAddLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        draft = wire.quick_draft(request)
        return wire.lead(await leads.quick_add(self._stores, draft, current_actor().subject, self._clock))

    async def GetLead(self, request: pb.GetLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        return wire.lead(await leads.get(self._stores, UUID(request.id)))

    async def ListLeadAudit(
        self, request: pb.ListLeadAuditRequest, context: Context
    ) -> pb.ListLeadAuditResponse:
        """See the proto."""
        wanted, place = audit_wire.audit_filter(request), audit_wire.audit_page_request(request)
        return audit_wire.audit_page(await auditing.page(self._audits, wanted, *place), request)
