"""The RPCs that prove the access audit, and hand out what a report was made from with proofs."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import grpc.aio

from lineage_service import packs
from lineage_service.domain import LineageStores
from lineage_service.wire.callers import reader
from protos.leadfactory.evidence.v1 import evidence_pb2
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from protos.leadfactory.lineage.v1 import lineage_pb2_grpc
from services.clock import Clock
from services.errors import Unavailable
from services.evidence import proving, wire
from services.evidence.ledger import Ledgers

PIECE_BYTES = 256 * 1024

Context = grpc.aio.ServicerContext[Any, Any]


class EvidenceServicer(lineage_pb2_grpc.LineageServiceServicer):
    """Answers the part of `leadfactory.lineage.v1.LineageService` that is about evidence."""

    def __init__(self, stores: LineageStores, ledgers: Ledgers | None, clock: Clock) -> None:
        """Take the stores, the log of their audit if there is one, and the time."""
        self._records = stores
        self._audit_log = ledgers
        self._now = clock

    async def GetAuditCheckpoint(
        self, request: pb.GetAuditCheckpointRequest, context: Context
    ) -> evidence_pb2.Checkpoint:
        """Return the newest checkpoint."""
        return wire.checkpoint(await proving.checkpoint(self._ledgers))

    async def GetAuditEntryProof(
        self, request: pb.GetAuditEntryProofRequest, context: Context
    ) -> evidence_pb2.EntryProof:
        """Prove that an entry is in the log."""
        return wire.inclusion(await proving.inclusion(self._ledgers, UUID(request.id)))

    async def GetAuditConsistency(
        self, request: pb.GetAuditConsistencyRequest, context: Context
    ) -> evidence_pb2.ConsistencyProof:
        """Prove that the log only grew."""
        first, second = int(request.first), int(request.second)
        return wire.consistency(await proving.consistency(self._ledgers, first, second))

    async def CollectEvidence(
        self, request: pb.CollectEvidenceRequest, context: Context
    ) -> AsyncIterator[pb.EvidencePiece]:
        """Stream the files of a pack, all but the PDF."""
        opened = packs.open_pack(
            self._records, self._ledgers, UUID(request.report_id), reader(), clock=self._now
        )
        async with opened as pack:
            current = ""
            async for name, data in pack.files():
                for start in range(0, len(data), PIECE_BYTES):
                    yield pb.EvidencePiece(
                        name="" if name == current else name, data=data[start : start + PIECE_BYTES]
                    )
                    current = name

    @property
    def _ledgers(self) -> Ledgers:
        if self._audit_log is None:
            raise Unavailable("There is no log here.")
        return self._audit_log
