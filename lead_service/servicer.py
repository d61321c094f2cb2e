"""The lead context's RPCs: decode, one call, encode."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any
from uuid import UUID

import grpc.aio

from lead_service import (
    answers,
    audit_wire,
    auditing,
    change_wire,
    leads,
    lookups,
    merging,
    watching,
    wire,
)
from lead_service.domain import Lead, LeadStores
from lead_service.evidence_servicer import EvidenceServicer, Records
from lead_service.feed import Feed
from lead_service.quota import STANDARD, Quota
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from services.clock import Clock
from services.errors import Unimplemented
from services.identity import current_actor

Context = grpc.aio.ServicerContext[Any, Any]


class LeadServicer(EvidenceServicer):
    """Answers `leadfactory.lead.v1.LeadService`."""

    def __init__(
        self,
        stores: LeadStores,
        clock: Clock,
        records: Records,
        quota: Quota = STANDARD,
        feed: Feed | None = None,
    ) -> None:
        """Take where leads are kept, the time, what is on record of changes, quotas, and who tells changes.

        Leads in memory have no feed, and cannot be watched.
        """
        super().__init__(records, clock)
        self._stores = stores
        self._clock = clock
        self._audits = records.audits
        self._quota = quota
        self._feed = feed

    async def ListLeads(self, request: pb.ListLeadsRequest, context: Context) -> pb.ListLeadsResponse:
        """See the proto."""
        found = await leads.page(
            self._stores, wire.lead_filter(request), *wire.page_request(request), current_actor()
        )
        return wire.page(found, request)

    async def CreateLead(self, request: pb.CreateLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        draft, subject = wire.draft(request), current_actor().subject
        return await self._once(
            request, "CreateLead", lambda stores: leads.create(stores, draft, subject, self._clock)
        )

    async def QuickAddLead(self, request: pb.QuickAddLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        draft, actor = wire.quick_draft(request), current_actor()
        return await self._once(
            request,
            "QuickAddLead",
            lambda stores: leads.quick_add(stores, draft, actor, self._quota, self._clock),
        )

    async def GetLead(self, request: pb.GetLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        lead_id, moment, actor = UUID(request.id), wire.moment(request), current_actor()
        if moment is not None:
            return wire.lead(await leads.get_as_of(self._stores, lead_id, moment, actor, self._clock))
        return wire.lead(await leads.get(self._stores, lead_id, actor))

    async def ListLeadAudit(
        self, request: pb.ListLeadAuditRequest, context: Context
    ) -> pb.ListLeadAuditResponse:
        """See the proto."""
        wanted, place = audit_wire.audit_filter(request), audit_wire.audit_page_request(request)
        return audit_wire.audit_page(await auditing.page(self._audits, wanted, *place), request)

    async def WatchLeads(
        self, request: pb.WatchLeadsRequest, context: Context
    ) -> AsyncIterator[pb.LeadEvent]:
        """See the proto."""
        if self._feed is None:
            raise Unimplemented("These leads cannot be watched.")
        wanted, after = change_wire.change_filter(request), change_wire.place(request)
        async with aclosing(watching.watch(self._feed, wanted, after, current_actor())) as told:
            async for each in told:
                yield change_wire.event(each)

    async def UpdateLead(self, request: pb.UpdateLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        lead_id, (draft, fields), etags = UUID(request.id), wire.revision(request), wire.etags(request)
        actor = current_actor()
        return await self._once(
            request,
            "UpdateLead",
            lambda stores: leads.update(
                stores, lead_id, draft, fields, etags, actor, self._quota, self._clock
            ),
        )

    async def DeleteLead(self, request: pb.DeleteLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        lead_id, etags = UUID(request.id), wire.etags(request)
        return await self._once(
            request, "DeleteLead", lambda stores: leads.delete(stores, lead_id, etags, self._clock)
        )

    async def UndeleteLead(self, request: pb.UndeleteLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        etags = wire.etags(request)
        return wire.lead(await leads.undelete(self._stores, UUID(request.id), etags, self._clock))

    async def MergeLead(self, request: pb.MergeLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        ids, theirs = (UUID(request.id), UUID(request.other_id)), wire.theirs(request)
        etags, others = wire.etags(request), {request.other_etag} - {""}
        return await self._once(
            request,
            "MergeLead",
            lambda stores: merging.merge(stores, *ids, theirs, etags, others, self._clock),
        )

    async def UnmergeLead(self, request: pb.UnmergeLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        lead_id, etags = UUID(request.id), wire.etags(request)
        return await self._once(
            request, "UnmergeLead", lambda stores: merging.unmerge(stores, lead_id, etags, self._clock)
        )

    async def EnrichLead(self, request: pb.EnrichLeadRequest, context: Context) -> pb.Lead:
        """See the proto."""
        lead_id, etags, actor = UUID(request.id), wire.etags(request), current_actor()
        return await self._once(
            request,
            "EnrichLead",
            lambda stores: lookups.ask(stores, lead_id, etags, actor, self._quota, self._clock),
        )

    async def AcceptSuggestion(self, request: pb.AcceptSuggestionRequest, context: Context) -> pb.Lead:
        """See the proto."""
        named, etags, actor = wire.suggestion_name(request), wire.etags(request), current_actor()
        return await self._once(
            request,
            "AcceptSuggestion",
            lambda stores: lookups.accept(stores, *named, etags, actor, self._quota, self._clock),
        )

    async def DismissSuggestion(self, request: pb.DismissSuggestionRequest, context: Context) -> pb.Lead:
        """See the proto."""
        named, etags, by = wire.suggestion_name(request), wire.etags(request), current_actor().subject
        return await self._once(
            request,
            "DismissSuggestion",
            lambda stores: lookups.dismiss(stores, *named, etags, by, self._clock),
        )

    async def _once(
        self, request: wire.Keyed, method: str, work: Callable[[LeadStores], Awaitable[Lead]]
    ) -> pb.Lead:
        """Do the work, or answer as the first time if the request was sent before."""

        async def answer(stores: LeadStores) -> bytes:
            return wire.lead(await work(stores)).SerializeToString()

        key = wire.request_key(request, method, current_actor().subject)
        return pb.Lead.FromString(await answers.once(self._stores, key, self._clock, answer))
