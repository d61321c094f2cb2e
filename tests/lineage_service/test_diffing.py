"""Promise: two reports are compared by what they were made from, and both are noted as read."""

import json
import random
from typing import Any

import grpc
import pytest

from lineage_service import diff
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services.ids import uuid7
from tests.lineage_service.builders import Sent, a_report, digest
from tests.lineage_service.conftest import Lineage

CHANGE = pb.LineageDiff.Change


def inputs(**values: Any) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


async def compared(lineage: Lineage, a: object, b: object, role: str = "operator") -> pb.LineageDiff:
    reply: pb.LineageDiff = await lineage.stub.DiffLineage(
        pb.DiffLineageRequest(a=str(a), b=str(b)), metadata=lineage.person("ada", role), timeout=60
    )
    return reply


async def recorded(lineage: Lineage, *pieces: bytes, **facts: Any) -> Sent:
    sent = a_report(*pieces, **facts)
    await lineage.record(sent)
    return sent


async def test_what_differs_is_named_by_path_and_what_does_not_is_said_to_be_identical(
    lineage: Lineage,
) -> None:
    whole = inputs(lead={"domain": "example.com", "name": "Ada"}, score=7)
    # In two parts on one side: a part may end anywhere.
    a = await recorded(lineage, whole[:20], whole[20:])
    b = await recorded(
        lineage,
        inputs(lead={"domain": "example.org"}, score=7, extra=[]),
        template_version_id="website_audit@2.0.0",
        template_digest=digest(b"other"),
        pdf_sha256=digest(b"other"),
    )
    found = await compared(lineage, a.facts.report_id, b.facts.lineage_id)
    assert list(found.changes) == [
        CHANGE(kind=CHANGE.ADDED, path="$.extra", b="[]"),
        CHANGE(kind=CHANGE.CHANGED, path="$.lead.domain", a='"example.com"', b='"example.org"'),
        CHANGE(kind=CHANGE.REMOVED, path="$.lead.name", a='"Ada"'),
    ]
    assert found.changes_total == 3
    assert not found.inputs_identical
    assert not found.template_identical
    assert not found.pdf_identical
    assert found.environment_identical
    assert (found.a.lineage_id, found.b.lineage_id) == (str(a.facts.lineage_id), str(b.facts.lineage_id))
    assert sorted(await lineage.accesses()) == [("ada", "DIFF", None)] * 2
    assert found.a.access_count == found.b.access_count == 1


async def test_equal_inputs_have_no_changes_whatever_they_are(lineage: Lineage) -> None:
    noise = random.Random(7).randbytes(1000)
    a, b = await recorded(lineage, noise), await recorded(lineage, noise)
    found = await compared(lineage, a.facts.report_id, b.facts.report_id)
    assert (found.inputs_identical, found.pdf_identical, found.changes_total) == (True, True, 0)


async def test_a_report_is_compared_with_itself_and_noted_once(lineage: Lineage) -> None:
    a = await recorded(lineage)
    found = await compared(lineage, a.facts.report_id, a.facts.report_id)
    assert found.a == found.b
    assert await lineage.accesses() == [("ada", "DIFF", None)]


async def test_what_cannot_be_compared_is_said(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = await recorded(lineage), await recorded(lineage, b"no json")
    pair = a.facts.report_id, b.facts.report_id
    assert await refusal(lineage, *pair) is grpc.StatusCode.FAILED_PRECONDITION
    monkeypatch.setattr(diff, "MOST_INPUTS_BYTES", 100)
    assert await refusal(lineage, *pair) is grpc.StatusCode.FAILED_PRECONDITION
    assert await refusal(lineage, a.facts.report_id, uuid7()) is grpc.StatusCode.NOT_FOUND
    assert await refusal(lineage, a.facts.report_id, "x") is grpc.StatusCode.INVALID_ARGUMENT
    assert await refusal(lineage, "", a.facts.report_id) is grpc.StatusCode.INVALID_ARGUMENT
    # Raw inputs are not for viewers, nor is what differs in them.
    assert await refusal(lineage, *pair, "viewer") is grpc.StatusCode.PERMISSION_DENIED


async def refusal(lineage: Lineage, *arguments: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await compared(lineage, *arguments)
    code: grpc.StatusCode = failure.value.code()
    return code
