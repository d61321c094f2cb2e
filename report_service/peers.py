"""The other contexts, called over gRPC: leads are read from one, lineage is handed to another."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from report_service.domain import Delivery, Fault, Undelivered
from services.errors import ResourceExhausted, ServiceError

CHUNK_BYTES = 256 * 1024


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

    async def raw_inputs(self, lineage_id: UUID, limit: int) -> bytes:
        """Return the inputs as gzip, at most ``limit`` bytes of them; raises NotFound if there are none."""
        packed = bytearray()
        request = lineage_pb2.DownloadRawInputsRequest(lineage_id=str(lineage_id))
        async for body in self._stub.DownloadRawInputs(request):
            packed += body.data
            if len(packed) > limit:
                raise ResourceExhausted(
                    f"The inputs have more than {limit:,} bytes.", reason="INPUTS_TOO_LARGE"
                )
        return bytes(packed)


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
        pipeline_start_time=_timestamp(capture.started_at),
        pipeline_end_time=_timestamp(capture.ended_at),
        raw_inputs_size_bytes=capture.inputs_size_bytes,
        inputs_sha256=capture.inputs_sha256,
        pdf_sha256=delivery.pdf_sha256,
        parts=[lineage_pb2.Part(size_bytes=each.size_bytes, sha256=each.sha256) for each in capture.parts],
        logs_size_bytes=capture.logs_size_bytes,
        logs_sha256=capture.logs_sha256,
        created_by=delivery.created_by,
    )


def _chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


def _timestamp(at: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
