"""What people, probes and browsers get from the gateway besides the API itself."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from prometheus_client import REGISTRY

from gateway.contract import COOKIE
from tests.gateway.conftest import NOT_SERVING, OpenGateway, Services, new

PAGE = {"accept": "text/html,application/xhtml+xml"}


async def test_it_is_alive_without_asking_anybody(open_gateway: OpenGateway) -> None:
    async with open_gateway(lead_service_address="127.0.0.1:1") as client:
        reply = await client.get("/healthz")
    assert (reply.status_code, reply.json()) == (200, {"status": "alive"})


async def test_it_is_ready_when_every_service_is_and_names_the_one_that_is_not(
    open_gateway: OpenGateway, services: Services
) -> None:
    async with open_gateway() as client:
        assert (await client.get("/readyz")).status_code == 200
        await services.health.set("readiness", NOT_SERVING)
        reply = await client.get("/readyz")
        assert reply.status_code == 503
        assert reply.json()["unready"] == dict.fromkeys(["lead", "report", "lineage"], "NOT_SERVING")
    async with open_gateway(lineage_service_address="127.0.0.1:1") as client:
        await services.health.set("readiness", 1)
        assert (await client.get("/readyz")).json()["unready"] == {"lineage": "UNAVAILABLE"}


async def test_the_openapi_document_is_served_to_all_and_is_cached(client: httpx.AsyncClient) -> None:
    reply = await client.get("/openapi.json")
    assert reply.json()["openapi"] == "3.1.0"
    assert "/api/leads/quick-add" in reply.json()["paths"]
    assert set(reply.json()["components"]["securitySchemes"]) == {"bearer", "session"}
    again = await client.get("/openapi.json", headers={"if-none-match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_docs_are_one_page_without_anything_from_elsewhere(client: httpx.AsyncClient) -> None:
    reply = await client.get("/docs")
    page = reply.text
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in reply.headers["content-security-policy"]
    assert "<script" not in page
    assert " style=" not in page
    assert not re.findall(r'(?:src|href)="(?!/|#)', page)
    document = (await client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in page
        assert f"$LEADFACTORY{path}" in page


async def test_calls_go_through_to_the_services(
    client: httpx.AsyncClient, services: Services, operator: dict[str, str]
) -> None:
    services.answers["ListLeads"] = lambda *_: new(
        "leadfactory.lead.v1.ListLeadsResponse", next_page_token="t"
    )
    for path in ("/api/leads", "/api/leads/"):
        reply = await client.get(path, params={"enrichment_status": "PENDING"}, headers=operator)
        assert reply.json() == {"leads": [], "next_page_token": "t", "total_size_estimate": 0}
        assert reply.headers["cache-control"] == "no-store"
    assert services.requests[-1].enrichment_status == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "named"),
    [
        ("GET", "/api/leads?nope=1", None, 400, "nope"),
        ("POST", "/api/leads", {"email": "a\0b"}, 400, "email"),
        ("POST", "/api/leads", {"emial": "a"}, 400, "emial"),
        ("GET", "/api/nothing", None, 404, "PATH_UNKNOWN"),
        ("DELETE", "/api/leads", None, 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/leads", {"name": "x" * 9_000_000}, 413, "BODY_TOO_LARGE"),
        # Small as JSON, but not as the message that it becomes.
        ("POST", "/api/reports", {"assessment_data": {"a": [1] * 400_000}}, 413, "BODY_TOO_LARGE"),
    ],
)
async def test_bad_input_is_a_4xx_that_names_what_is_wrong(
    client: httpx.AsyncClient,
    operator: dict[str, str],
    method: str,
    path: str,
    body: Any,
    status: int,
    named: str,
) -> None:
    reply = await client.request(method, path, json=body, headers=operator)
    assert reply.status_code == status
    assert named in reply.text
    assert reply.json()["error"]["details"][0]["domain"] == "leadfactory"


async def test_a_pdf_may_be_shown_in_a_frame_of_this_site_and_nothing_else_may(
    client: httpx.AsyncClient, services: Services, operator: dict[str, str]
) -> None:
    async def pdf(request: Any, context: Any) -> Any:
        await context.send_initial_metadata(
            (("http-etag", '"x"'), ("http-cache-control", "private, no-cache"))
        )
        yield new("google.api.HttpBody", content_type="application/pdf", data=b"%PDF-")

    services.answers["DownloadReport"] = pdf
    services.answers["ListReports"] = lambda *_: new("leadfactory.report.v1.ListReportsResponse")
    reply = await client.get("/api/reports/1/pdf", headers=operator)
    assert reply.content == b"%PDF-"
    assert reply.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert reply.headers["x-frame-options"] == "SAMEORIGIN"
    assert reply.headers["cache-control"] == "private, no-cache"
    other = await client.get("/api/reports", headers=operator)
    assert "default-src 'none'" in other.headers["content-security-policy"]
    assert other.headers["x-frame-options"] == "DENY"
    assert other.headers["x-content-type-options"] == "nosniff"
    assert other.headers["referrer-policy"] == "no-referrer"


async def test_what_is_not_modified_keeps_the_policy_that_it_came_with(
    client: httpx.AsyncClient, services: Services, operator: dict[str, str]
) -> None:
    async def unchanged(request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("http-status", "304"), ("http-etag", '"x"')))
        yield new("google.api.HttpBody")

    services.answers["DownloadReport"] = unchanged
    reply = await client.get("/api/reports/1/pdf", headers={**operator, "if-none-match": '"x"'})
    assert reply.status_code == 304
    assert not {"content-security-policy", "x-frame-options"} & reply.headers.keys()
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/leads/42", "/reports/1/lineage"])
async def test_every_page_of_the_console_is_the_console(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(path, headers=PAGE)
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-cache")
    assert "<title>Console" in reply.text
    policy = reply.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-src 'self'" in policy
    assert "unsafe" not in policy


async def test_the_console_s_hashed_files_are_kept_for_ever_and_others_are_asked_for_again(
    client: httpx.AsyncClient,
) -> None:
    asset = await client.get("/assets/index-4f2a.js")
    assert "immutable" in asset.headers["cache-control"]
    assert asset.headers["content-type"].startswith("text/javascript")
    assert (await client.get("/icon.svg")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/assets/gone.js", "/missing.png", "/..%2f..%2fetc/passwd", "/assets/"])
async def test_a_missing_file_is_a_404_and_not_the_console(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(path)
    assert reply.status_code == 404
    assert reply.json()["error"]["status"] == "NOT_FOUND"


async def test_an_unbuilt_console_is_a_page_that_says_how_to_build_it(
    open_gateway: OpenGateway, tmp_path: Path
) -> None:
    async with open_gateway(console=tmp_path / "none") as client:
        reply = await client.get("/", headers=PAGE)
    assert reply.status_code == 503
    assert "npm --prefix gateway/console" in reply.text


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "", "[", "localhost.evil.test:8080"])
async def test_on_loopback_no_other_site_s_name_is_answered(client: httpx.AsyncClient, host: str) -> None:
    for path in ("/", "/api/leads", "/session", "/login"):
        assert (await client.get(path, headers={"host": host})).status_code == 421
    # A probe asks by address, whatever this site is called.
    assert (await client.get("/healthz", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080"])
async def test_on_loopback_its_own_names_are_answered(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/openapi.json", headers={"host": host})).status_code == 200


async def test_requests_are_counted_by_route_and_logged_without_secrets(
    client: httpx.AsyncClient, services: Services, operator: dict[str, str]
) -> None:
    services.answers["GetLead"] = lambda *_: new("leadfactory.lead.v1.Lead")

    def counted(route: str, status: str) -> float:
        labels = {"method": "GET", "route": route, "status": status}
        return REGISTRY.get_sample_value("http_server_request_duration_seconds_count", labels) or 0.0

    before = counted("/api/leads/{id}", "200"), counted("/login", "401")
    with structlog.testing.capture_logs() as lines:
        await client.get("/api/leads/secret-id", headers=operator)
        await client.get("/login", params={"token": "secret-token-of-login"})
        await client.get("/secret-path", headers={"cookie": f"{COOKIE}=secret-cookie"})
    assert (counted("/api/leads/{id}", "200"), counted("/login", "401")) == (before[0] + 1, before[1] + 1)
    handled = [line for line in lines if line["event"] == "http.handled"]
    assert [line["route"] for line in handled] == ["/api/leads/{id}", "/login", "console"]
    assert all({"status", "milliseconds", "request_id", "http_method"} <= line.keys() for line in handled)
    assert "secret" not in json.dumps(lines, default=str)
    assert operator["authorization"] not in json.dumps(lines, default=str)


async def test_a_crash_of_the_gateway_is_a_500_in_the_same_form(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_: Any) -> Any:
        raise RuntimeError("inner secret")

    monkeypatch.setattr("gateway.backends.Backends.unready", crash)
    reply = await client.get("/readyz")
    assert reply.status_code == 500
    assert reply.json()["error"]["status"] == "INTERNAL"
    assert "secret" not in reply.text


async def test_pages_of_other_sites_may_call_with_a_bearer_if_their_origin_is_named(
    open_gateway: OpenGateway,
) -> None:
    asked = {"origin": "https://app.example", "access-control-request-method": "PATCH"}
    wanted = {**asked, "access-control-request-headers": "authorization, if-match"}
    async with open_gateway(gateway_cors_origins="https://app.example, https://b.example") as client:
        before = await client.options("/api/leads/1", headers=wanted)
        read = await client.get("/healthz", headers={"origin": "https://app.example"})
        other = await client.options("/api/leads/1", headers={**wanted, "origin": "https://evil.example"})
    assert before.headers["access-control-allow-origin"] == "https://app.example"
    assert "PATCH" in before.headers["access-control-allow-methods"]
    assert "etag" in read.headers["access-control-expose-headers"]
    # The session cookie of another site's visitor is not theirs to use.
    assert "access-control-allow-credentials" not in {**before.headers, **read.headers}
    assert "access-control-allow-origin" not in other.headers


async def test_no_other_site_s_page_may_call_unless_it_is_named(client: httpx.AsyncClient) -> None:
    asked = {"origin": "https://app.example", "access-control-request-method": "GET"}
    reply = await client.options("/api/leads", headers=asked)
    assert not [name for name in reply.headers if name.startswith("access-control-allow-origin")]
