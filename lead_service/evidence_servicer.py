"""The RPCs that prove the audit of leads, and those that erase leads from it: decode, one call, encode."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

import grpc.aio
from google.api.httpbody_pb2 import HttpBody

from lead_service import auditing, erasure, evidence_wire
from lead_service.audit import AuditStores
from lead_service.erasure import ErasureStores
from protos.leadfactory.evidence.v1 import evidence_pb2
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import lead_pb2_grpc
from services import downloads
from services.clock import Clock
from services.evidence import proving, wire
from services.evidence.ledger import Ledgers

Context = grpc.aio.ServicerContext[Any, Any]


class Records(NamedTuple):
    """What there is to prove, and to erase."""

    audits: AuditStores
    ledgers: Ledgers
    erasures: ErasureStores


class EvidenceServicer(lead_pb2_grpc.LeadServiceServicer):
    """Answers the part of `leadfactory.lead.v1.LeadService` that is about evidence."""

    def __init__(self, records: Records, clock: Clock) -> None:
        """Take what there is to prove, and where the time comes from."""
        self._records = records
        self._clock = clock

    async def GetAuditCheckpoint(
        self, request: pb.GetAuditCheckpointRequest, context: Context
    ) -> evidence_pb2.Checkpoint:
        """See the proto."""
        return wire.checkpoint(await proving.checkpoint(self._records.ledgers))

    async def GetAuditEntryProof(
        self, request: pb.GetAuditEntryProofRequest, context: Context
    ) -> evidence_pb2.EntryProof:
        """See the proto."""
        return wire.inclusion(await proving.inclusion(self._records.ledgers, UUID(request.id)))

    async def GetAuditConsistency(
        self, request: pb.GetAuditConsistencyRequest, context: Context
    ) -> evidence_pb2.ConsistencyProof:
        """See the proto."""
        first, second = int(request.first), int(request.second)
        return wire.consistency(await proving.consistency(self._records.ledgers, first, second))

    async def DownloadLeadEvidence(
        self, request: pb.DownloadLeadEvidenceRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """See the proto."""
        audits, ledgers, _ = self._records
        content = await auditing.evidence(audits, ledgers, UUID(request.id), self._clock)
        async for body in downloads.send(
            context,
            content_type="application/zip",
            filename=f"evidence-{request.id}.zip",
            size=len(content),
            etag=hashlib.sha256(content).hexdigest(),
            read=downloads.of(content),
        ):
            yield body

    async def EraseLead(self, request: pb.EraseLeadRequest, context: Context) -> pb.Erasure:
        """See the proto."""
        return evidence_wire.erasure(await erasure.erase(self._records.erasures, UUID(request.id)))

    async def ListErasures(
        self, request: pb.ListErasuresRequest, context: Context
    ) -> pb.ListErasuresResponse:
        """See the proto."""
        found = await erasure.after(self._records.erasures, request.after, request.page_size)
        return evidence_wire.erasures(found)
