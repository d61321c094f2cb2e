"""The gateway and the chassis of the services understand each other: who calls, what failed, which bytes."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import app, backends, contract
from gateway.settings import GatewaySettings
from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from services import downloads, identity
from services.errors import FailedPrecondition, NotFound
from services.server import Service
from tests.fixtures.identity import Issuer
from tests.fixtures.rpc import ServeInProcess

PDF = bytes(range(256)) * 1024
ETAG = hashlib.sha256(PDF).hexdigest()
ID = "0192f0c1-0000-7000-8000-000000000000"


class Reports(report_pb2_grpc.ReportServiceServicer):
    """Tells who it thinks is asking, and has one PDF."""

    async def GetReport(self, request: Any, context: Any) -> Any:
        actor = identity.current_actor()
        call = identity.current_call()
        assert call is not None
        return report_pb2.Report(
            created_by=actor.subject, error=actor.ip, step=actor.user_agent, locale=call.request_id
        )

    async def ListReports(self, request: Any, context: Any) -> Any:
        raise FailedPrecondition("Not yet.", reason="NOT_YET", retry_after=1.5)

    async def GenerateReport(self, request: Any, context: Any) -> Any:
        raise NotFound("lead", request.lead_id)

    async def DownloadReport(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async def read(start: int, length: int) -> AsyncIterator[bytes]:
            yield PDF[start : start + length]

        async for each in downloads.send(
            context,
            content_type="application/pdf",
            size=len(PDF),
            etag=ETAG,
            read=read,
            filename="Prüfung.pdf",
            inline=True,
        ):
            yield each


@pytest.fixture
async def client(
    serve_in_process: ServeInProcess, issuer: Issuer, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    descriptor = report_pb2.DESCRIPTOR.services_by_name["ReportService"]
    service = Service(descriptor, report_pb2_grpc.add_ReportServiceServicer_to_server, Reports())
    async with serve_in_process(service) as address, gateway_to(address, issuer) as application:
        transport = httpx.ASGITransport(app=application, client=("192.0.2.7", 1))
        headers = {"authorization": f"Bearer {issuer.person('ada', 'operator')}", "user-agent": "Browser/1"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as client:
            yield client


@asynccontextmanager
async def gateway_to(address: str, issuer: Issuer) -> AsyncIterator[Any]:
    given = {**issuer.settings("gateway"), "report_service_address": address}
    settings = GatewaySettings(**given)
    async with backends.connect(settings, contract.image()) as channels:
        yield app.create(settings, channels)


async def test_a_service_believes_what_the_gateway_says_about_the_caller(client: httpx.AsyncClient) -> None:
    report = (await client.get(f"/api/reports/{ID}", headers={"x-forwarded-for": "6.6.6.6"})).json()
    assert (report["created_by"], report["error"], report["step"]) == ("ada", "192.0.2.7", "Browser/1")
    reply = await client.get(f"/api/reports/{ID}", headers={"x-request-id": "my-own-id"})
    assert reply.json()["locale"] == reply.headers["x-request-id"] == "my-own-id"


@pytest.mark.parametrize("token", ["rubbish", "a.b.c", "expired", "of another"])
async def test_a_wrong_token_is_a_401(client: httpx.AsyncClient, issuer: Issuer, token: str) -> None:
    tokens = {
        "expired": issuer.person("ada", "admin", exp=1),
        "of another": issuer.person("ada", "admin", aud="x"),
    }
    reply = await client.get(
        f"/api/reports/{ID}", headers={"authorization": f"Bearer {tokens.get(token, token)}"}
    )
    assert reply.status_code == 401
    assert reply.json()["error"]["status"] == "UNAUTHENTICATED"
    assert reply.headers["www-authenticate"] == "Bearer"


async def test_a_role_that_may_not_is_a_403(client: httpx.AsyncClient, issuer: Issuer) -> None:
    headers = {"authorization": f"Bearer {issuer.person('vic', 'viewer')}"}
    reply = await client.post("/api/reports", json={"lead_id": ID}, headers=headers)
    assert (reply.status_code, reply.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


async def test_a_rule_of_the_contract_that_is_broken_names_the_field(client: httpx.AsyncClient) -> None:
    reply = await client.get("/api/reports/not-a-uuid")
    assert reply.status_code == 400
    (violation,) = reply.json()["error"]["details"][1]["field_violations"]
    assert violation["field"] == "id"


async def test_the_failures_of_a_service_arrive_whole(client: httpx.AsyncClient) -> None:
    reply = await client.post("/api/reports", json={"lead_id": ID})
    assert (reply.status_code, reply.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert ID in reply.text
    reply = await client.get("/api/reports")
    assert (reply.status_code, reply.headers["retry-after"]) == (400, "2")
    assert reply.json()["error"]["details"][0]["reason"] == "NOT_YET"


@pytest.mark.parametrize(
    ("headers", "status", "content", "content_range"),
    [
        ({}, 200, PDF, None),
        ({"range": "bytes=0-9"}, 206, PDF[:10], f"bytes 0-9/{len(PDF)}"),
        ({"range": "bytes=-5"}, 206, PDF[-5:], f"bytes {len(PDF) - 5}-{len(PDF) - 1}/{len(PDF)}"),
        ({"range": f"bytes={len(PDF)}-"}, 416, b"", f"bytes */{len(PDF)}"),
        ({"if-none-match": f'W/"{ETAG}"'}, 304, b"", None),
        ({"range": "bytes=0-9", "if-range": f'"{ETAG}"'}, 206, PDF[:10], f"bytes 0-9/{len(PDF)}"),
        ({"range": "bytes=0-9", "if-range": '"other"'}, 200, PDF, None),
        ({"range": "bytes=0-1,4-5"}, 200, PDF, None),
    ],
)
async def test_a_pdf_is_served_whole_in_part_or_not_at_all(
    client: httpx.AsyncClient, headers: dict[str, str], status: int, content: bytes, content_range: str | None
) -> None:
    reply = await client.get(f"/api/reports/{ID}/pdf", headers=headers)
    assert (reply.status_code, reply.content) == (status, content)
    assert reply.headers.get("content-range") == content_range
    assert reply.headers["etag"] == f'"{ETAG}"'
    assert reply.headers["cache-control"] == "private, no-cache"
    if status in (200, 206):
        assert reply.headers["content-type"] == "application/pdf"
        assert reply.headers["content-length"] == str(len(content))
        assert reply.headers["content-disposition"].startswith("inline; ")
        assert "Pr%C3%BCfung.pdf" in reply.headers["content-disposition"]


async def test_a_head_says_what_a_get_would(client: httpx.AsyncClient) -> None:
    reply = await client.head(f"/api/reports/{ID}/pdf")
    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["content-length"] == str(len(PDF))
