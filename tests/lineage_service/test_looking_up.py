"""Promise: any PDF gets a clear answer, whatever it is, at a bounded cost; ours lead to their lineage."""

import json
import resource
import zlib
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from typing import Any
from uuid import UUID

import grpc
import pikepdf
import pytest
from google.api.httpbody_pb2 import HttpBody

from lineage_service import lookup
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from report_service.rendering import bundles
from report_service.rendering.document import make_pdf
from report_service.rendering.template import Template
from services.ids import uuid7
from tests.lineage_service.builders import a_report, digest
from tests.lineage_service.conftest import Lineage
from tests.lineage_service.pdfs import ATTRIBUTE, a_pdf, saved_again
from tests.report_service.rendering_inputs import LINEAGE, canonical, identity_of, sample, the_bundle

FOUND = pb.LookupPdfResponse


def messages(pdf: bytes, size: int = 1 << 20) -> Iterator[pb.LookupPdfRequest]:
    for start in range(0, len(pdf), size):
        yield pb.LookupPdfRequest(pdf=HttpBody(data=pdf[start : start + size]))


async def look_up(lineage: Lineage, pdf: bytes = b"", **request: Any) -> pb.LookupPdfResponse:
    sent = messages(pdf) if pdf else iter([pb.LookupPdfRequest(**request)])
    reply: pb.LookupPdfResponse = await lineage.stub.LookupPdf(
        sent, metadata=lineage.person("ada", "viewer"), timeout=60
    )
    return reply


@pytest.fixture
async def issued(lineage: Lineage) -> bytes:
    """A PDF with a lineage."""
    lineage_id = uuid7()
    pdf = a_pdf(lineage_id, lineage_id)
    await lineage.record(a_report(lineage_id=lineage_id, pdf_sha256=digest(pdf)))
    return pdf


async def test_what_was_issued_is_genuine_and_leads_to_its_lineage(lineage: Lineage, issued: bytes) -> None:
    for found in (
        await look_up(lineage, issued),
        await look_up(lineage, sha256=sha256(issued).hexdigest().upper()),
    ):
        assert (found.verdict, found.evidence, found.remark) == (FOUND.GENUINE, FOUND.SHA256, "")
        assert found.lineage.pdf_sha256 == found.sha256 == sha256(issued).hexdigest()
    assert found.lineage.access_count == 2
    assert await lineage.accesses() == [("ada", "LOOKUP", None)] * 2


ALTERATIONS: dict[str, Any] = {
    "one byte appended": lambda pdf: pdf + b"\n",
    "saved again": lambda pdf: saved_again(pdf),
    "saved again and packed": lambda pdf: saved_again(
        pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate, recompress_flate=True
    ),
    "linearised": lambda pdf: saved_again(pdf, linearize=True),
    "locked with the owner's password": lambda pdf: saved_again(
        pdf, encryption=pikepdf.Encryption(owner="x")
    ),
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS)
async def test_what_was_changed_since_is_altered_and_still_leads_to_its_lineage(
    lineage: Lineage, issued: bytes, alter: Any
) -> None:
    found = await look_up(lineage, alter(issued))
    assert (found.verdict, found.evidence, found.remark) == (FOUND.ALTERED, FOUND.XMP, "")
    assert found.lineage.pdf_sha256 == sha256(issued).hexdigest() != found.sha256


async def test_a_pdf_of_the_renderer_itself_leads_to_its_lineage(lineage: Lineage) -> None:
    bundle, inputs = the_bundle(), canonical(sample())
    pdf, _ = make_pdf(Template(bundles.read(bundle.path)), inputs, identity_of(bundle, inputs), [])
    await lineage.record(a_report(lineage_id=UUID(LINEAGE), pdf_sha256=digest(pdf)))
    assert (await look_up(lineage, pdf)).verdict == FOUND.GENUINE
    for altered, evidence in (
        (saved_again(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate), FOUND.XMP),
        (pdf.replace(b"urn:leadfactory:lineage:1:", b"urn:somebody.else:property"), FOUND.PDF_IDENTIFIER),
        (pdf[: len(pdf) - 100], FOUND.XMP),
        (saved_again(pdf, encryption=pikepdf.Encryption(user="secret", owner="x")), FOUND.PDF_IDENTIFIER),
    ):
        found = await look_up(lineage, altered)
        assert (found.verdict, found.evidence) == (FOUND.ALTERED, evidence)
        assert found.lineage.lineage_id == LINEAGE


@pytest.mark.parametrize(
    ("make", "evidence"),
    [
        (lambda lineage_id: a_pdf(lineage_id), FOUND.XMP),
        (lambda lineage_id: a_pdf(lineage_id, packet=ATTRIBUTE), FOUND.XMP),
        (lambda lineage_id: a_pdf(None, lineage_id), FOUND.PDF_IDENTIFIER),
        # The XMP names another lineage, which nobody knows.
        (lambda lineage_id: a_pdf(uuid7(), lineage_id), FOUND.PDF_IDENTIFIER),
        # Cut in the middle of its last object: what is plain can be read.
        (lambda lineage_id: a_pdf(lineage_id)[:-400], FOUND.XMP),
        (lambda lineage_id: a_pdf(lineage_id) + a_pdf(None, uuid7())[-300:], FOUND.XMP),
    ],
)
async def test_either_place_leads_to_the_lineage(lineage: Lineage, make: Any, evidence: int) -> None:
    lineage_id = uuid7()
    await lineage.record(a_report(lineage_id=lineage_id))
    found = await look_up(lineage, make(lineage_id))
    assert (found.verdict, found.evidence) == (FOUND.ALTERED, evidence)
    assert found.lineage.lineage_id == str(lineage_id)


@pytest.mark.parametrize(
    "pdf",
    [
        a_pdf(),
        a_pdf(uuid7(), uuid7()),
        saved_again(a_pdf(), encryption=pikepdf.Encryption(user="secret", owner="x")),
        b"%PDF-1.7\n" + b"nothing else",
        b"%PDF-1.7\n" + b"/ID [<" + b"zz" * 32 + b">]" + b"/ID [<" + b"00" * 32 + b">]",
        a_pdf()[:200],
    ],
    ids=["foreign", "names unknown lineages", "locked", "no objects", "odd identifiers", "cut"],
)
async def test_every_other_pdf_is_unknown_and_that_was_asked_is_noted(
    lineage: Lineage, issued: bytes, pdf: bytes
) -> None:
    found = await look_up(lineage, pdf)
    assert (found.verdict, found.evidence) == (FOUND.UNKNOWN, 0)
    assert not found.HasField("lineage")
    (row,) = await lineage.rows("SELECT * FROM lineage_accesses WHERE action <> 'RECORD'")
    assert (row["action"], row["lineage_id"]) == ("LOOKUP", None)
    assert json.loads(row["details"]) == {"sha256": sha256(pdf).hexdigest(), "verdict": "UNKNOWN"}


async def test_why_a_pdf_could_not_be_read_is_said(lineage: Lineage) -> None:
    locked = saved_again(a_pdf(), encryption=pikepdf.Encryption(user="secret", owner="x"))
    assert "encrypted" in (await look_up(lineage, locked)).remark
    assert "damaged" in (await look_up(lineage, b"%PDF-1.7 and nothing else")).remark
    assert (await look_up(lineage, a_pdf())).remark == ""


def a_bomb() -> bytes:
    """A PDF whose XMP unfolds to two gibibytes, twice over."""
    pdf = pikepdf.new()
    layer = zlib.compress(zlib.compress(bytes(1 << 26) * 8, 9), 9)
    stream = pikepdf.Stream(pdf, layer)
    stream.Filter = pikepdf.Array([pikepdf.Name.FlateDecode, pikepdf.Name.FlateDecode])
    pdf.Root.Metadata = pdf.make_indirect(stream)
    written = BytesIO()
    pdf.save(written)
    return written.getvalue()


async def test_a_pdf_that_unfolds_without_end_costs_this_process_nothing(lineage: Lineage) -> None:
    bomb = a_bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = await look_up(lineage, bomb)
    assert found.verdict == FOUND.UNKNOWN
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


async def test_fifty_million_bytes_are_taken_in_pieces(lineage: Lineage, issued: bytes) -> None:
    large = issued + bytes(50_000_000)
    found = await look_up(lineage, large)
    assert found.sha256 == sha256(large).hexdigest()
    assert found.verdict == FOUND.ALTERED


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ([], "pdf"),
        ([pb.LookupPdfRequest()], "pdf"),
        ([pb.LookupPdfRequest(pdf=HttpBody(data=b"<html>"))], "pdf"),
        ([pb.LookupPdfRequest(sha256="abc")], "sha256"),
        ([pb.LookupPdfRequest(sha256="00" * 32, pdf=HttpBody(data=b"%PDF-1.7"))], "sha256"),
        ([pb.LookupPdfRequest(sha256="00" * 32), pb.LookupPdfRequest(pdf=HttpBody(data=b"%PDF"))], "sha256"),
        ([pb.LookupPdfRequest(pdf=HttpBody(data=b"%PDF-")), pb.LookupPdfRequest(sha256="00" * 32)], "sha256"),
    ],
)
async def test_what_is_no_question_names_its_field(
    lineage: Lineage, sent: list[pb.LookupPdfRequest], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await lineage.stub.LookupPdf(iter(sent), metadata=lineage.person("ada", "viewer"))
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(failure.value.details()).startswith(f"{field}:")
    assert await lineage.accesses() == []


async def test_more_than_the_most_is_refused(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "MOST_PDF_BYTES", 1000)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await look_up(lineage, a_pdf(pages=30))
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
