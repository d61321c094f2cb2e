"""The RPCs of files that come and go: decode, one call, encode."""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import grpc.aio
from google.api.httpbody_pb2 import HttpBody

from lead_service import exporting, importing, transfer_wire, wire
from lead_service.audit import AuditStores
from lead_service.domain import LeadStores, Order
from lead_service.imports import ImportStores
from protos.leadfactory.lead.v1 import transfers_pb2 as pb
from protos.leadfactory.lead.v1 import transfers_pb2_grpc
from services.clock import Clock
from services.identity import current_actor

Context = grpc.aio.ServicerContext[Any, Any]

# An undo answers within a call's usual time, and goes on behind the scenes.
UNDO_SECONDS: Final = 15.0
_CSV: Final = exporting.Form.CSV.media_type


class LeadTransferServicer(transfers_pb2_grpc.LeadTransferServiceServicer):
    """Answers `leadfactory.lead.v1.LeadTransferService`."""

    def __init__(self, imports: ImportStores, leads: LeadStores, audits: AuditStores, clock: Clock) -> None:
        """Take where imports and leads are kept, where changes are noted, and where the time comes from."""
        self._imports = imports
        self._leads = leads
        self._audits = audits
        self._clock = clock

    async def ImportLeads(
        self, request_iterator: AsyncIterator[pb.ImportLeadsRequest], context: Context
    ) -> pb.LeadImport:
        """See the proto."""
        options, content = await transfer_wire.opened(request_iterator)
        ended = await importing.bring_in(self._imports, options, content, self._clock)
        return transfer_wire.lead_import(ended)

    async def ListLeadImports(
        self, request: pb.ListLeadImportsRequest, context: Context
    ) -> pb.ListLeadImportsResponse:
        """See the proto."""
        place = transfer_wire.page_request(request)
        return transfer_wire.page(*await importing.page(self._imports, *place))

    async def GetLeadImport(self, request: pb.GetLeadImportRequest, context: Context) -> pb.LeadImport:
        """See the proto."""
        return transfer_wire.lead_import(await importing.get(self._imports, UUID(request.import_id)))

    async def ListLeadImportErrors(
        self, request: pb.ListLeadImportErrorsRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """See the proto."""
        found = await importing.get(self._imports, UUID(request.import_id))
        pieces = transfer_wire.rejected(importing.rejections(self._imports, found.id))
        await context.send_initial_metadata(transfer_wire.headers(f"import-{found.id}-errors.csv"))
        async for body in transfer_wire.bodies(pieces, _CSV):
            yield body

    async def UndoLeadImport(self, request: pb.UndoLeadImportRequest, context: Context) -> pb.LeadImport:
        """See the proto."""
        undone = await importing.undo(
            self._imports, UUID(request.import_id), self._clock, seconds=UNDO_SECONDS
        )
        return transfer_wire.lead_import(undone)

    async def ListLeadImportConflicts(
        self, request: pb.ListLeadImportConflictsRequest, context: Context
    ) -> pb.ListLeadImportConflictsResponse:
        """See the proto."""
        place = transfer_wire.conflict_request(request)
        found, after = await importing.conflicts(self._imports, UUID(request.import_id), *place)
        return transfer_wire.conflicts(found, after, request)

    async def ExportLeads(self, request: pb.ExportLeadsRequest, context: Context) -> AsyncIterator[HttpBody]:
        """See the proto."""
        form = transfer_wire.form(request, context.invocation_metadata())
        wanted, order = wire.lead_filter(request), Order.parse(request.order_by)
        pieces = exporting.export(
            self._leads,
            self._audits,
            wanted,
            order,
            form,
            transfer_wire.told(request, form),
            current_actor(),
        )
        await context.send_initial_metadata(
            transfer_wire.headers(f"leads-{self._clock():%Y%m%dT%H%M%SZ}.{form}")
        )
        async for body in transfer_wire.bodies(pieces, form.media_type):
            yield body
