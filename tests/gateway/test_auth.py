"""Services hear who calls from the gateway alone, and nobody acts through another's cookie."""

import asyncio
import hashlib
import http.cookies
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.contract import COOKIE
from gateway.login import Links
from tests.fixtures.identity import Issuer
from tests.gateway.conftest import OpenGateway, Services, new

# Two stacks on one machine differ in the port alone, which cookies do not tell apart.
HERE = f"{COOKIE}_8080"

TOKEN = "Zm9ydHktdHdvLWlzLXRoZS1hbnN3ZXI"
LEADS = "leadfactory.lead.v1.ListLeadsResponse"
LEAD = {"email": "ada@example.com"}


def link(logins: Path, bearer: str, token: str = TOKEN) -> Path:
    path = logins / hashlib.sha256(token.encode()).hexdigest()
    path.write_text(bearer + "\n")
    return path


def error(reply: httpx.Response) -> Any:
    return reply.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer a b"},
        {"authorization": "Bearer é"},
        {"cookie": f"{HERE}="},
        {"cookie": f"{HERE}=a,b"},
    ],
)
async def test_a_call_without_a_usable_credential_is_a_401_that_no_service_sees(
    client: httpx.AsyncClient, services: Services, headers: dict[str, str]
) -> None:
    services.answers["ListLeads"] = lambda *_: new(LEADS)
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    reply = await client.get("/api/leads", headers=raw)  # type: ignore[arg-type]
    assert reply.status_code == 401
    assert error(reply)["status"] == "UNAUTHENTICATED"
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert services.requests == []


async def test_a_call_is_told_apart_only_after_it_has_shown_a_credential(client: httpx.AsyncClient) -> None:
    reply = await client.post(
        "/api/leads", content=b"{nonsense", headers={"content-type": "application/json"}
    )
    assert reply.status_code == 401


async def test_the_services_are_told_who_calls(
    client: httpx.AsyncClient, services: Services, operator: dict[str, str], issuer: Issuer
) -> None:
    services.answers["ListLeads"] = lambda *_: new(LEADS)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {
        **operator,
        "user-agent": "Browser/1\u00e9" + "x" * 999,
        "x-request-id": "abc-12345",
        "traceparent": trace,
    }
    reply = await client.get("/api/leads", headers={k: v.encode("latin-1") for k, v in headers.items()})  # type: ignore[misc]
    assert reply.status_code == 200
    seen = services.metadata
    assert seen["authorization"] == operator["authorization"]
    assert seen["x-leadfactory-peer"].count(".") == 2
    assert seen["x-leadfactory-client-ip"] == "192.0.2.7"
    assert seen["x-leadfactory-client-user-agent"].startswith("Browser/1?xxx")
    assert len(seen["x-leadfactory-client-user-agent"]) == 256
    assert seen["x-request-id"] == reply.headers["x-request-id"] == "abc-12345"
    assert seen["traceparent"] == trace


async def test_nothing_that_a_client_says_about_itself_reaches_a_service(
    client: httpx.AsyncClient, services: Services, operator: dict[str, str]
) -> None:
    services.answers["ListLeads"] = lambda *_: new(LEADS)
    lies = {
        "x-leadfactory-peer": "forged",
        "x-leadfactory-client-ip": "6.6.6.6",
        "x-leadfactory-on-behalf-of": "root",
        "x-leadfactory-client-user-agent": "forged",
        "x-leadfactory-roles": "admin",
        "x_leadfactory_on_behalf_of": "root",
        "x-user": "root",
        "x-forwarded-user": "root",
        "x-forwarded-for": "6.6.6.6",
        "x-forwarded-host": "6.6.6.6",
        "x-real-ip": "6.6.6.6",
        "forwarded": "for=6.6.6.6",
        "grpc-metadata-x-leadfactory-on-behalf-of": "root",
        "grpc-metadata-x-leadfactory-client-ip": "6.6.6.6",
        "grpc-metadata-bin": "forged",
        "grpc-trace-bin": "forged",
        "te": "trailers",
        "grpc-metadata-authorization": "Bearer forged",
        "x-request-id": "not sane!",
        "traceparent": "forged",
    }
    reply = await client.get("/api/leads", headers={**operator, **lies})
    assert reply.status_code == 200
    assert services.metadata["x-leadfactory-client-ip"] == "192.0.2.7"
    assert services.metadata["x-request-id"] == reply.headers["x-request-id"] != "not sane!"
    # Exactly what the gateway says itself, and gRPC's own.
    assert set(services.metadata) == {
        "authorization",
        "x-request-id",
        "x-leadfactory-client-ip",
        "x-leadfactory-client-user-agent",
        "x-leadfactory-peer",
        "user-agent",
    }
    assert not {"forged", "root", "6.6.6.6", "Bearer forged"} & set(services.metadata.values())


async def test_a_link_logs_in_once_and_leaves_nothing_behind(
    client: httpx.AsyncClient, services: Services, issuer: Issuer, logins: Path
) -> None:
    services.answers["ListLeads"] = lambda *_: new(LEADS)
    bearer = issuer.person("ada", "operator", "viewer")
    link(logins, bearer)
    reply = await client.get("/login", params={"token": TOKEN})
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert reply.headers["cache-control"] == "no-store"
    cookie = http.cookies.SimpleCookie(reply.headers["set-cookie"])[HERE]
    assert (cookie.value, cookie["path"], cookie["samesite"]) == (bearer, "/", "lax")
    assert cookie["httponly"]
    assert not cookie["secure"]
    assert 500 < int(cookie["max-age"]) <= 600
    assert list(logins.iterdir()) == []

    session = (await client.get("/session")).json()
    assert (session["subject"], session["roles"]) == ("ada", ["operator", "viewer"])
    assert session["expires_at"].endswith("Z")
    assert (await client.get("/api/leads")).status_code == 200
    assert services.metadata["authorization"] == f"Bearer {bearer}"
    # The browser that used the link is simply sent on.
    assert (await client.get("/login", params={"token": TOKEN})).status_code == 303

    client.cookies.clear()
    used = await client.get("/login", params={"token": TOKEN})
    assert used.status_code == 401
    assert "make login" in used.text
    assert "set-cookie" not in used.headers


@pytest.mark.parametrize("token", ["", "unknown-but-long-enough", "../../etc/passwd", "a" * 5000, "\0" * 20])
async def test_an_unknown_link_is_a_page_that_says_what_to_do(client: httpx.AsyncClient, token: str) -> None:
    reply = await client.get("/login", params={"token": token})
    assert reply.status_code == 401
    assert "new one" in reply.text
    assert reply.headers["content-type"].startswith("text/html")


async def test_a_link_to_a_token_that_is_not_genuine_logs_nobody_in(
    client: httpx.AsyncClient, issuer: Issuer, logins: Path
) -> None:
    for bearer in ("not.a.token", issuer.person("ada", "admin", exp=1), ""):
        link(logins, bearer)
        assert (await client.get("/login", params={"token": TOKEN})).status_code == 401


async def test_looking_at_a_link_does_not_use_it(
    client: httpx.AsyncClient, issuer: Issuer, logins: Path
) -> None:
    link(logins, issuer.person("ada", "viewer"))
    await client.head("/login", params={"token": TOKEN})
    await client.get("/login", params={"token": TOKEN}, headers={"sec-purpose": "prefetch;prerender"})
    assert (await client.get("/login", params={"token": TOKEN})).status_code == 303


async def test_two_gateways_on_one_directory_let_a_link_in_once(logins: Path) -> None:
    for number in range(20):
        link(logins, "bearer", f"{TOKEN}{number}")
    both = [Links(logins), Links(logins)]
    takes = [asyncio.to_thread(each.take, f"{TOKEN}{number}") for number in range(20) for each in both]
    taken = await asyncio.gather(*takes)
    assert [sum(bool(each) for each in taken[at : at + 2]) for at in range(0, 40, 2)] == [1] * 20


def test_a_link_that_nobody_used_within_the_hour_is_dead(logins: Path) -> None:
    path = link(logins, "bearer")
    os.utime(path, (0, 0))
    assert Links(logins).take(TOKEN) == ""
    assert list(logins.iterdir()) == []


async def test_logging_out_clears_the_cookie(client: httpx.AsyncClient, issuer: Issuer) -> None:
    client.cookies.set(HERE, issuer.person("ada", "viewer"))
    reply = await client.post("/logout", headers={"origin": "http://127.0.0.1:8080"})
    assert reply.status_code == 204
    assert http.cookies.SimpleCookie(reply.headers["set-cookie"])[HERE]["max-age"] == "0"
    assert (await client.post("/logout", headers={"origin": "http://evil.test"})).status_code == 403


async def test_nobody_logged_in_is_a_401_and_so_is_a_bad_cookie(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    for cookie in ("", "rubbish", issuer.person("ada", exp=1)):
        reply = await client.get("/session", headers={"cookie": f"{HERE}={cookie}"} if cookie else {})
        assert reply.status_code == 401
        assert error(reply)["status"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"origin": "http://evil.test"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8080"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://127.0.0.1:8080"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
async def test_a_cookie_changes_things_from_this_site_s_own_pages_only(
    client: httpx.AsyncClient, services: Services, issuer: Issuer, headers: dict[str, str], status: int
) -> None:
    services.answers["CreateLead"] = lambda request, _: new("leadfactory.lead.v1.Lead", email=request.email)
    client.cookies.set(HERE, issuer.person("ada", "operator"))
    reply = await client.post("/api/leads", json=LEAD, headers=headers)
    assert reply.status_code == status
    assert len(services.requests) == (status == 200)


async def test_a_bearer_token_needs_no_origin(
    client: httpx.AsyncClient, services: Services, operator: dict[str, str]
) -> None:
    services.answers["CreateLead"] = lambda *_: new("leadfactory.lead.v1.Lead")
    reply = await client.post("/api/leads", json=LEAD, headers={**operator, "origin": "http://other.test"})
    assert reply.status_code == 200


async def test_behind_tls_the_cookie_is_secure_and_the_public_origin_counts(
    open_gateway: OpenGateway, services: Services, issuer: Issuer, logins: Path
) -> None:
    services.answers["CreateLead"] = lambda *_: new("leadfactory.lead.v1.Lead")
    link(logins, issuer.person("ada", "operator"))
    async with open_gateway(gateway_public_url="https://leads.test/", gateway_host="0.0.0.0") as client:
        client.base_url = httpx.URL("http://leads.test")
        reply = await client.get("/login", params={"token": TOKEN})
        cookie = http.cookies.SimpleCookie(reply.headers["set-cookie"])[COOKIE]
        assert cookie["secure"]
        assert reply.headers["strict-transport-security"]
        headers = {"cookie": f"{COOKIE}={cookie.value}", "origin": "https://leads.test"}
        assert (await client.post("/api/leads", json=LEAD, headers=headers)).status_code == 200
        headers["origin"] = "http://leads.test"
        assert (await client.post("/api/leads", json=LEAD, headers=headers)).status_code == 403


async def test_without_its_own_token_the_gateway_says_so_and_passes_nothing_on(
    open_gateway: OpenGateway, services: Services, operator: dict[str, str], tmp_path: Path
) -> None:
    async with open_gateway(workload_token_file=tmp_path / "missing") as client:
        reply = await client.get("/api/leads", headers=operator)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert services.requests == []
