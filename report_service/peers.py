"""The other contexts, called over gRPC: leads are read from one, lineage is handed to another."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from typing import Any
from uuid import UUID

import grpc
from google.protobuf import json_format

from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from report_service.batch import FoundLead, LeadSelection
from report_service.deliveries import Delivery, Fault, Undelivered
from report_service.records import Erasure, Held, Recorded, Window
from services import identity
from services.errors import FailedPrecondition, NotFound, ResourceExhausted, ServiceError
from services.times import timestamp

CHUNK_BYTES = 256 * 1024
LEADS_PAGE = 200
# How long a pack may take to leave: whoever reads may be slow.
EVIDENCE_SECONDS = 600.0
# Leads that are looked up at once.
LOOKUPS = 16
LINEAGES_PAGE = 200
# Ids of recorded reports in one answer, which counts them all, too.
RECORDED_PAGE = 10_000
RECORDED_SECONDS = 20.0
ERASURE_SECONDS = 30.0
# For as much as may be asked for at once.
INPUTS_SECONDS = 20.0

COMPLETED, FAILED = lineage_pb2.Lineage.COMPLETED, lineage_pb2.Lineage.FAILED


# What any other code says of a delivery may pass.
FAULTS = {
    **dict.fromkeys(
        ("INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE"),
        Fault.FINAL,
    ),
    **dict.fromkeys(
        (
            "UNAVAILABLE",
            "DEADLINE_EXCEEDED",
            "RESOURCE_EXHAUSTED",
            "UNAUTHENTICATED",
            "PERMISSION_DENIED",
            # An older service during a rollout, or a wrong address: nothing that is wrong with the delivery.
            "UNIMPLEMENTED",
        ),
        Fault.SERVICE,
    ),
}


class LeadPeer:
    """The lead service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Take a channel to it."""
        self._stub = lead_pb2_grpc.LeadServiceStub(channel)

    async def get(self, lead_id: UUID) -> Mapping[str, Any]:
        """Return a lead and its facts as the JSON of its message; raises NotFound, or Unavailable."""
        return lead_json(await self._stub.GetLead(lead_pb2.GetLeadRequest(id=str(lead_id))))

    async def find(self, lead_ids: Sequence[UUID]) -> Sequence[FoundLead]:
        """Return these leads in this order; one that there is not has no domain."""
        room = asyncio.Semaphore(LOOKUPS)

        async def look(lead_id: UUID) -> FoundLead:
            async with room:
                try:
                    lead = await self._stub.GetLead(lead_pb2.GetLeadRequest(id=str(lead_id)))
                except NotFound:
                    return FoundLead(lead_id, "")
            return FoundLead(lead_id, lead.domain)

        return await asyncio.gather(*map(look, lead_ids))

    async def select(self, selection: LeadSelection, limit: int) -> Sequence[FoundLead]:
        """Return the leads that a selection finds, up to a limit, newest first."""
        request = lead_pb2.ListLeadsRequest(
            page_size=LEADS_PAGE,
            q=selection.q,
            domain=selection.domain,
            created_by=selection.created_by,
            is_manual=selection.is_manual,
            created_after=timestamp(selection.created_after) if selection.created_after else None,
            created_before=timestamp(selection.created_before) if selection.created_before else None,
        )
        if selection.enrichment_status:
            status = lead_pb2.Lead.EnrichmentStatus.Value(selection.enrichment_status)
            request.enrichment_status = status
        found: list[FoundLead] = []
        while True:
            page = await self._stub.ListLeads(request)
            found += [FoundLead(UUID(each.id), each.domain) for each in page.leads]
            if len(found) >= limit or not page.next_page_token:
                return found[:limit]
            request.page_token = page.next_page_token

    async def erasures(self, after: int, size: int) -> Sequence[Erasure]:
        """Return up to ``size`` erasures behind a number, in their order."""
        reply = await self._stub.ListErasures(lead_pb2.ListErasuresRequest(after=after, page_size=size))
        return [
            Erasure(each.number, UUID(each.lead_id), each.erased_by, each.erased_at.ToDatetime(tzinfo=UTC))
            for each in reply.erasures
        ]


class LineagePeer:
    """The lineage service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Take a channel to it."""
        self._stub = lineage_pb2_grpc.LineageServiceStub(channel)

    async def record(self, delivery: Delivery, deadline: float) -> None:
        """Hand over a delivery within so many seconds; raises Undelivered if it is not acknowledged."""
        try:
            await self._stub.RecordLineage(messages(delivery), timeout=deadline)
        except ServiceError as error:
            code = _code(error)
            raise Undelivered(FAULTS.get(code, Fault.PASSING), f"{code}: {error.message}") from error

    async def evidence(self, report_id: UUID) -> AsyncGenerator[tuple[str, bytes], None]:
        """Yield the files of a report's pack but the PDF, in pieces, each with its name; raises NotFound."""
        request = lineage_pb2.CollectEvidenceRequest(report_id=str(report_id))
        call, name = self._stub.CollectEvidence(request, timeout=EVIDENCE_SECONDS), ""
        try:
            async for piece in call:
                name = piece.name or name
                yield name, piece.data
        finally:
            # Whoever reads may go away: the lineage service is to know.
            call.cancel()

    async def recorded(self, report_id: UUID) -> Recorded:
        """Return what is recorded of a report; raises NotFound."""
        request = lineage_pb2.GetLineageByReportRequest(report_id=str(report_id))
        found = await self._stub.GetLineageByReport(request)
        removed = found.raw_inputs_expired_at if found.HasField("raw_inputs_expired_at") else None
        return Recorded(
            lineage_id=UUID(found.lineage_id),
            inputs_sha256=found.inputs_sha256,
            pdf_sha256=found.pdf_sha256,
            environment_digest=found.environment_digest,
            inputs_removed_at=removed.ToDatetime(tzinfo=UTC) if removed else None,
        )

    async def recorded_reports(self, window: Window) -> AsyncIterator[Sequence[UUID]]:
        """Yield the completed reports that have a lineage, in the order of their ids, some at a time."""
        request = lineage_pb2.ListRecordedReportsRequest(page_size=RECORDED_PAGE)
        if window.after is not None:
            request.after_report_id = str(window.after)
        while True:
            with _own_account():
                reply = await self._stub.ListRecordedReports(request, timeout=RECORDED_SECONDS)
            ids = [each for each in map(UUID, reply.report_ids) if window.admits(each)]
            if ids:
                yield ids
            if len(ids) < RECORDED_PAGE:
                return
            request.after_report_id = str(ids[-1])

    async def erase(self, lead_id: UUID) -> int:
        """Have the raw inputs and logs of a lead's reports removed; returns of how many.

        Raises Held while the lead is under a legal hold.
        """
        request = lineage_pb2.EraseLeadPayloadsRequest(lead_id=str(lead_id))
        try:
            reply = await self._stub.EraseLeadPayloads(request, timeout=ERASURE_SECONDS)
        except FailedPrecondition as error:
            if error.reason == "LEGAL_HOLD":
                raise Held from error
            raise
        return reply.erased

    async def reports_from(self, inputs_sha256: str, limit: int) -> Sequence[UUID]:
        """Return up to ``limit`` reports that were made from inputs with this digest."""
        request = lineage_pb2.SearchLineageRequest(inputs_sha256=inputs_sha256, page_size=LINEAGES_PAGE)
        found: list[UUID] = []
        while True:
            page = await self._stub.SearchLineage(request)
            found += [UUID(each.report_generation_id) for each in page.lineages]
            if len(found) >= limit or not page.next_page_token:
                return found[:limit]
            request.page_token = page.next_page_token

    async def raw_inputs(self, lineage_id: UUID, limit: int) -> bytes:
        """Return the inputs as gzip, at most ``limit`` bytes of them; raises NotFound if there are none."""
        packed = bytearray()
        request = lineage_pb2.DownloadRawInputsRequest(lineage_id=str(lineage_id))
        async for body in self._stub.DownloadRawInputs(request, timeout=INPUTS_SECONDS):
            packed += body.data
            if len(packed) > limit:
                raise ResourceExhausted(
                    f"The inputs have more than {limit:,} bytes.", reason="INPUTS_TOO_LARGE"
                )
        return bytes(packed)


@contextmanager
def _own_account() -> Iterator[None]:
    """Call as this process, for the person: what is between processes is closed to people."""
    call = identity.current_call()
    if call is None:
        yield
        return
    with identity.serving(replace(call, bearer="")):
        yield


def lead_json(lead: lead_pb2.Lead) -> dict[str, Any]:
    """Write a lead as it stands in a report's inputs: every field, by the names of the proto."""
    return json_format.MessageToDict(
        lead, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def messages(delivery: Delivery) -> Iterator[lineage_pb2.RecordLineageRequest]:
    """Yield what RecordLineage wants to read: the header, the raw inputs, the log."""
    yield lineage_pb2.RecordLineageRequest(header=_header(delivery))
    for chunk in _chunks(delivery.capture.raw_inputs):
        yield lineage_pb2.RecordLineageRequest(raw_inputs=chunk)
    for chunk in _chunks(delivery.capture.logs):
        yield lineage_pb2.RecordLineageRequest(logs=chunk)


def _code(error: ServiceError) -> str:
    """Return the code that came over the wire; a ServiceError knows no INTERNAL and no UNKNOWN."""
    cause = error.__cause__
    return cause.code().name if isinstance(cause, grpc.aio.AioRpcError) else error.code


def _header(delivery: Delivery) -> lineage_pb2.RecordLineageRequest.Header:
    capture = delivery.capture
    return lineage_pb2.RecordLineageRequest.Header(
        lineage_id=str(delivery.lineage_id),
        report_generation_id=str(delivery.report_id),
        lead_id=str(delivery.lead_id),
        pipeline_run_id=delivery.pipeline_run_id,
        template_version_id=delivery.template_version_id,
        template_digest=delivery.template_digest,
        environment_digest=capture.environment_digest,
        pipeline_start_time=timestamp(capture.started_at),
        pipeline_end_time=timestamp(capture.ended_at),
        raw_inputs_size_bytes=capture.inputs_size_bytes,
        inputs_sha256=capture.inputs_sha256,
        pdf_sha256=delivery.pdf_sha256 or "",
        status=COMPLETED if delivery.pdf_sha256 else FAILED,
        parts=[lineage_pb2.Part(size_bytes=each.size_bytes, sha256=each.sha256) for each in capture.parts],
        logs_size_bytes=capture.logs_size_bytes,
        logs_sha256=capture.logs_sha256,
        created_by=delivery.created_by,
    )


def _chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]
