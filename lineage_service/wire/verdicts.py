"""Questions about PDFs and reports, and what they come to."""

from collections.abc import AsyncIterable, AsyncIterator

from lineage_service.domain import Comparison, Finding
from lineage_service.wire import records
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services.errors import InvalidArgument


async def question(requests: AsyncIterable[pb.LookupPdfRequest]) -> tuple[bytes, AsyncIterator[bytes]]:
    """Read which PDF is asked about: its digest, or empty, and its bytes; raises InvalidArgument."""
    messages = aiter(requests)
    first = await anext(messages, None)
    if first is None:
        raise InvalidArgument("pdf", "is missing: send the PDF, or its sha256", "MISSING")
    return bytes.fromhex(first.sha256), _bytes(first, messages)


async def _bytes(
    first: pb.LookupPdfRequest, messages: AsyncIterator[pb.LookupPdfRequest]
) -> AsyncIterator[bytes]:
    yield first.pdf.data
    async for message in messages:
        if message.sha256:
            raise InvalidArgument("sha256", "must come first, and without the PDF", "OUT_OF_ORDER")
        yield message.pdf.data


def finding(found: Finding) -> pb.LookupPdfResponse:
    """Write what a PDF is."""
    evidence = found.evidence.value if found.evidence else "EVIDENCE_UNSPECIFIED"
    return pb.LookupPdfResponse(
        verdict=pb.LookupPdfResponse.Verdict.Value(found.verdict),
        lineage=records.lineage(found.lineage) if found.lineage else None,
        evidence=pb.LookupPdfResponse.Evidence.Value(evidence),
        sha256=found.sha256.hex(),
        remark=found.remark,
    )


def comparison(found: Comparison) -> pb.LineageDiff:
    """Write what differs between two reports."""
    a, b = found.a.facts, found.b.facts
    kinds = pb.LineageDiff.Change.Kind
    return pb.LineageDiff(
        a=records.lineage(found.a),
        b=records.lineage(found.b),
        inputs_identical=a.inputs_sha256 == b.inputs_sha256,
        changes=[
            pb.LineageDiff.Change(kind=kinds.Value(each.kind), path=each.path, a=each.a, b=each.b)
            for each in found.changes
        ],
        changes_total=found.total,
        template_identical=a.template_digest == b.template_digest,
        environment_identical=a.environment_digest == b.environment_digest,
        pdf_identical=a.pdf_sha256 == b.pdf_sha256,
    )
