"""Lineages, as they are delivered and as they are shown."""

from collections.abc import AsyncIterable, AsyncIterator
from uuid import UUID

from lineage_service.domain import Content, Facts, Lineage, Part
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services.errors import InvalidArgument
from services.times import moment, timestamp, timestamp_if_given

EXPIRIES = {Content.INPUTS: "raw_inputs_expired_at", Content.LOG: "logs_expired_at"}
CONTENTS = {"raw_inputs": Content.INPUTS, "logs": Content.LOG}


async def delivery(
    requests: AsyncIterable[pb.RecordLineageRequest],
) -> tuple[Facts, AsyncIterator[tuple[Content, bytes]]]:
    """Read the header, and return what it states with the bytes that follow; raises InvalidArgument."""
    messages = aiter(requests)
    first = await anext(messages, None)
    if first is None or not first.HasField("header"):
        raise InvalidArgument("header", "must come first", "OUT_OF_ORDER")
    return facts(first.header), _arrivals(messages)


async def _arrivals(
    messages: AsyncIterator[pb.RecordLineageRequest],
) -> AsyncIterator[tuple[Content, bytes]]:
    async for message in messages:
        name = message.WhichOneof("message")
        if name not in CONTENTS:
            raise InvalidArgument("header", "must come only once", "OUT_OF_ORDER")
        yield CONTENTS[name], getattr(message, name)


def facts(header: pb.RecordLineageRequest.Header) -> Facts:
    """Read a header; raises InvalidArgument."""
    return Facts(
        lineage_id=UUID(header.lineage_id),
        report_id=UUID(header.report_generation_id),
        lead_id=UUID(header.lead_id),
        pipeline_run_id=header.pipeline_run_id,
        template_version_id=header.template_version_id,
        template_digest=bytes.fromhex(header.template_digest),
        environment_digest=bytes.fromhex(header.environment_digest),
        started_at=moment(header.pipeline_start_time, "header.pipeline_start_time"),
        ended_at=moment(header.pipeline_end_time, "header.pipeline_end_time"),
        inputs_size=header.raw_inputs_size_bytes,
        inputs_sha256=bytes.fromhex(header.inputs_sha256),
        pdf_sha256=bytes.fromhex(header.pdf_sha256),
        parts=tuple(Part(part.size_bytes, bytes.fromhex(part.sha256)) for part in header.parts),
        log_size=header.logs_size_bytes,
        log_sha256=bytes.fromhex(header.logs_sha256),
        created_by=header.created_by,
    )


def lineage(lineage: Lineage) -> pb.Lineage:
    """Write a lineage."""
    facts = lineage.facts
    message = pb.Lineage(
        lineage_id=str(facts.lineage_id),
        report_generation_id=str(facts.report_id),
        lead_id=str(facts.lead_id),
        pipeline_run_id=facts.pipeline_run_id,
        template_version_id=facts.template_version_id,
        template_digest=facts.template_digest.hex(),
        environment_digest=facts.environment_digest.hex(),
        pipeline_start_time=timestamp(facts.started_at),
        pipeline_end_time=timestamp(facts.ended_at),
        pipeline_duration_seconds=lineage.duration,
        raw_inputs_size_bytes=facts.inputs_size,
        compression_ratio=round(lineage.compression_saved, 4),
        inputs_sha256=facts.inputs_sha256.hex(),
        pdf_sha256=facts.pdf_sha256.hex(),
        parts=[pb.Part(size_bytes=part.size, sha256=part.sha256.hex()) for part in facts.parts],
        logs_size_bytes=facts.log_size,
        created_at=timestamp(lineage.recorded_at),
        status=pb.Lineage.COMPLETED if facts.pdf_sha256 else pb.Lineage.FAILED,
        access_count=min(lineage.readings.count, 2**31 - 1),
        last_accessed_at=timestamp_if_given(lineage.readings.last_at),
    )
    for content, field in EXPIRIES.items():
        if content in lineage.expired:
            getattr(message, field).CopyFrom(timestamp(lineage.expired[content]))
    return message
