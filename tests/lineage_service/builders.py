"""Reports to be recorded: true by default, with whatever a test wants to be otherwise."""

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

from lineage_service.domain import Access, Action, Content, Facts, Limits, Part, Payload, Reader
from lineage_service.payload import receive
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services.ids import uuid7

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, UTC)
INPUTS = json.dumps({"lead": {"domain": "example.com"}, "checks": list(range(500))}).encode()
LOG = b"".join(b'{"event":"step.ended","number":%d}\n' % number for number in range(100))

ADA = Reader("ada", None, ip_address("192.0.2.7"), "Firefox", "request-1", "leadfactory/Get")


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


@dataclass(frozen=True)
class Sent:
    """What the report service would send about one report."""

    facts: Facts
    parts: tuple[bytes, ...]
    log: bytes

    def but(self, **facts: Any) -> "Sent":
        """The same bytes, announced otherwise."""
        return replace(self, facts=replace(self.facts, **facts))

    def chunks(self, size: int = 1 << 20) -> Iterator[tuple[Content, bytes]]:
        """The bytes, cut regardless of where a part ends."""
        for content, data in ((Content.INPUTS, b"".join(self.parts)), (Content.LOG, self.log)):
            for start in range(0, len(data), size):
                yield content, data[start : start + size]

    async def arrivals(self, size: int = 1 << 20) -> AsyncIterator[tuple[Content, bytes]]:
        for chunk in self.chunks(size):
            yield chunk

    def header(self, **changes: Any) -> pb.RecordLineageRequest:
        facts = self.facts
        header = pb.RecordLineageRequest.Header(
            lineage_id=str(facts.lineage_id),
            report_generation_id=str(facts.report_id),
            lead_id=str(facts.lead_id),
            pipeline_run_id=facts.pipeline_run_id,
            template_version_id=facts.template_version_id,
            template_digest=facts.template_digest.hex(),
            environment_digest=facts.environment_digest.hex(),
            raw_inputs_size_bytes=facts.inputs_size,
            inputs_sha256=facts.inputs_sha256.hex(),
            pdf_sha256=facts.pdf_sha256.hex(),
            parts=[pb.Part(size_bytes=part.size, sha256=part.sha256.hex()) for part in facts.parts],
            logs_size_bytes=facts.log_size,
            logs_sha256=facts.log_sha256.hex(),
            created_by=facts.created_by,
        )
        header.pipeline_start_time.FromDatetime(facts.started_at)
        header.pipeline_end_time.FromDatetime(facts.ended_at)
        header.MergeFrom(pb.RecordLineageRequest.Header(**changes))
        return pb.RecordLineageRequest(header=header)

    def messages(self, size: int = 1 << 20) -> list[pb.RecordLineageRequest]:
        """The whole stream: the header, then the bytes."""
        return [self.header(), *(message(content, data) for content, data in self.chunks(size))]


def message(content: Content, data: bytes) -> pb.RecordLineageRequest:
    if content is Content.INPUTS:
        return pb.RecordLineageRequest(raw_inputs=data)
    return pb.RecordLineageRequest(logs=data)


def a_report(
    *pieces: bytes, log: bytes = LOG, parts: tuple[bytes, ...] = (), log_gzip: bytes = b"", **facts: Any
) -> Sent:
    """A report on raw inputs in these pieces, one part each; gzip bytes may be given instead."""
    plain = pieces or (INPUTS,)
    members = parts or tuple(zipped(piece) for piece in plain)
    log_member = log_gzip or zipped(log)
    whole = b"".join(plain)
    stated = Facts(
        lineage_id=uuid7(),
        report_id=uuid7(),
        lead_id=uuid4(),
        pipeline_run_id="run-7",
        template_version_id="website_audit@1.0.0",
        template_digest=digest(b"template"),
        environment_digest=digest(b"environment"),
        started_at=NOON - timedelta(seconds=2.5),
        ended_at=NOON,
        inputs_size=len(whole),
        inputs_sha256=digest(whole),
        pdf_sha256=digest(b"%PDF"),
        parts=tuple(Part(len(member), digest(member)) for member in members),
        log_size=len(log),
        log_sha256=digest(log_member),
        created_by="ada",
    )
    return Sent(replace(stated, **facts), members, log_member)


def an_access(sent: Sent, action: Action = Action.VIEW, at: datetime = NOON, **changes: Any) -> Access:
    access = Access(sent.facts.lineage_id, sent.facts.report_id, action, ADA, at)
    return replace(access, **changes)


def received(sent: Sent) -> AbstractAsyncContextManager[Payload]:
    """Open the payload of what was sent, as the store gets it."""
    return receive(sent.facts, sent.arrivals(), Limits())
