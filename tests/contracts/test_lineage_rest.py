"""Promise: the REST interface of lineage, from HTTP through the gateway to PostgreSQL and back."""

import base64
import gzip
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx
import pytest

from lineage_service.domain import Limits
from lineage_service.repository import PostgresLineageStore
from lineage_service.servicer import LineageServicer
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.ids import uuid7
from services.server import Service
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.lineage_service.builders import INPUTS, LOG, Sent, a_report, digest
from tests.lineage_service.conftest import recording
from tests.lineage_service.pdfs import a_pdf, saved_again


class Api:
    """The gateway before a lineage service."""

    def __init__(self, client: httpx.AsyncClient, record: Any) -> None:
        self.get, self.post, self.record = client.get, client.post, record


@pytest.fixture
async def api(
    lineage_database: TestDatabase,
    serve_in_process: ServeInProcess,
    issuer: Issuer,
    through_gateway: ThroughGateway,
) -> AsyncIterator[Api]:
    database = Database(lineage_database.url, name="test")
    servicer = LineageServicer(UnitsOfWork(database, PostgresLineageStore), limits=Limits(), clock=utc_now)
    service = Service(
        lineage_pb2.DESCRIPTOR.services_by_name["LineageService"],
        lineage_pb2_grpc.add_LineageServiceServicer_to_server,
        servicer,
    )
    async with serve_in_process(service) as address, through_gateway(address, "admin") as client:
        yield Api(client, recording(address, issuer))
    await database.close()


async def test_a_search_finds_pages_and_refuses(api: Api) -> None:
    sent: Sent = await api.record(a_report(log=LOG + b'{"reason":"glyph missing"}\n'))
    await api.record(a_report())
    found = (await api.get("/api/lineage/search?q=glyph")).json()
    assert [each["lineage_id"] for each in found["lineages"]] == [str(sent.facts.lineage_id)]
    assert (found["next_page_token"], found["total_size_estimate"]) == ("", 1)
    page = (await api.get("/api/lineage/search?page_size=1&order_by=created_at")).json()
    assert page["total_size_estimate"] == 2
    token = page["next_page_token"]
    assert (await api.get(f"/api/lineage/search?page_size=1&page_token={token}")).status_code == 400
    again = await api.get(f"/api/lineage/search?page_size=1&order_by=created_at&page_token={token}")
    assert again.json()["lineages"] != page["lineages"]
    for query in (
        "q=...",
        "lead_id=x",
        "pdf_sha256=x",
        "created_after=yesterday",
        "order_by=x",
        "colour=red",
    ):
        refused = await api.get(f"/api/lineage/search?{query}")
        assert refused.status_code == 400, query
        assert query.partition("=")[0] in refused.text


async def test_a_pdf_is_the_body_of_a_look_up(api: Api) -> None:
    pdf = a_pdf()
    sent: Sent = await api.record(a_report(pdf_sha256=digest(pdf)))
    ours = a_pdf(sent.facts.lineage_id)
    headers = {"content-type": "application/pdf"}
    for reply, verdict in (
        (await api.post("/api/lineage:lookup", content=pdf, headers=headers), "GENUINE"),
        (await api.post(f"/api/lineage:lookup?sha256={digest(pdf).hex()}"), "GENUINE"),
        (await api.post("/api/lineage:lookup", content=saved_again(ours), headers=headers), "ALTERED"),
        (await api.post("/api/lineage:lookup", content=saved_again(pdf)), "UNKNOWN"),
    ):
        assert (reply.status_code, reply.json()["verdict"]) == (200, verdict), reply.text
        lineage = reply.json().get("lineage")
        assert (lineage and lineage["lineage_id"]) == (
            None if verdict == "UNKNOWN" else str(sent.facts.lineage_id)
        )
    for reply in (
        await api.post("/api/lineage:lookup"),
        await api.post("/api/lineage:lookup", content=b"<html>"),
        await api.post("/api/lineage:lookup?sha256=x"),
    ):
        assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    large = await api.post("/api/lineage:lookup", content=pdf + bytes(5 << 20), headers=headers)
    assert (large.status_code, large.json()["verdict"]) == (200, "UNKNOWN")


async def test_two_reports_are_compared(api: Api) -> None:
    a: Sent = await api.record(a_report(b'{"score":7}'))
    b: Sent = await api.record(a_report(b'{"score":8}'))
    found = await api.get(f"/api/lineage:diff?a={a.facts.report_id}&b={b.facts.report_id}")
    assert found.json()["changes"] == [{"kind": "CHANGED", "path": "$.score", "a": "7", "b": "8"}]
    assert (await api.get(f"/api/lineage:diff?a={a.facts.report_id}")).status_code == 400


async def test_stored_bytes_leave_with_their_digest_whole_or_in_parts(api: Api) -> None:
    sent: Sent = await api.record(a_report(INPUTS[:900], INPUTS[900:]))
    path = f"/api/lineage/{sent.facts.lineage_id}"
    log = await api.get(f"{path}/logs")
    assert (log.content, log.headers["content-encoding"]) == (LOG, "gzip")
    assert log.headers["repr-digest"] == field(sent.log)
    part = await api.get(f"{path}/logs?part=1")
    assert part.content == sent.log
    assert "content-encoding" not in part.headers
    assert part.headers["repr-digest"] == field(sent.log)
    assert (await api.get(f"{path}/logs?part=2")).status_code == 400
    whole = await api.get(f"{path}/download")
    assert gzip.decompress(whole.content) == INPUTS
    assert whole.headers["repr-digest"] == field(whole.content)
    halves = [await api.get(f"{path}/download?part={number}") for number in (1, 2)]
    assert b"".join(half.content for half in halves) == whole.content
    assert all(half.headers["repr-digest"] == field(half.content) for half in halves)
    # The digest is that of the whole, so that whoever joins ranges can check what they have.
    ranged = await api.get(f"{path}/download", headers={"range": "bytes=0-9"})
    assert (ranged.status_code, ranged.headers["repr-digest"]) == (206, field(whole.content))


async def test_a_lineage_is_told_in_the_words_of_openlineage(api: Api) -> None:
    sent: Sent = await api.record(a_report())
    reply = await api.get(f"/api/lineage/{sent.facts.lineage_id}/openlineage")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json()["run"]["runId"] == str(sent.facts.report_id)
    assert (await api.get(f"/api/lineage/{uuid7()}/openlineage")).status_code == 404


async def test_who_looked_is_listed(api: Api) -> None:
    sent: Sent = await api.record(a_report())
    await api.get(f"/api/lineage/{sent.facts.report_id}")
    await api.get(f"/api/lineage/{sent.facts.lineage_id}/logs")
    found = (await api.get(f"/api/lineage/{sent.facts.lineage_id}/access")).json()
    assert [(each["action"], each["user_id"], each["outcome"]) for each in found["accesses"]] == [
        ("LOGS", "ada", "OK"),
        ("VIEW", "ada", "OK"),
        ("RECORD", "system:report-worker", "OK"),
    ]
    everything = (await api.get("/api/lineage/-/access?action=AUDIT")).json()
    assert [each["lineage_id"] for each in everything["accesses"]] == [str(sent.facts.lineage_id)]


def field(data: bytes) -> str:
    """Repr-Digest as RFC 9530 writes it."""
    return f"sha-256=:{base64.b64encode(sha256(data).digest()).decode()}:"


async def test_storage_retention_and_holds_are_told(api: Api) -> None:
    sent: Sent = await api.record(a_report())
    lead = str(sent.facts.lead_id)
    stored = (await api.get("/api/lineage:storage")).json()
    assert [(share["name"], share["records"]) for share in stored["by_lead"]] == [(lead, 1)]
    assert (stored["alarm"], stored["alarm_bytes"]) == (False, 0)
    held = await api.post("/api/lineage:hold", json={"lead_id": lead, "held": True, "reason": "lawsuit"})
    assert (held.status_code, held.json()["held"]) == (200, True)
    preview = (await api.get("/api/lineage:retention")).json()
    assert [hold["lead_id"] for hold in preview["holds"]] == [lead]
    assert (await api.post("/api/lineage:hold", json={"held": True})).status_code == 400
