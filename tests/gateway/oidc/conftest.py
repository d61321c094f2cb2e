"""Gateways that listen, before a provider that listens, and browsers that go from one to the other."""

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn

from gateway import app, backends, contract, serving
from gateway.settings import GatewaySettings
from tests.fixtures.identity import Issuer
from tests.fixtures.provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from tests.gateway.conftest import Services, new

LEADS = "/api/leads"


class Browser:
    """An HTTP client with a cookie jar that follows redirects one by one, as the tests look at each."""

    def __init__(self, gateway: str) -> None:
        self.gateway = gateway
        self.http = httpx.AsyncClient(base_url=gateway)

    async def to_provider(self, path: str = "/login") -> httpx.URL:
        """Begin to sign in; return where the browser is sent."""
        reply = await self.http.get(path)
        assert reply.status_code == 303, reply.text
        return httpx.URL(reply.headers["location"])

    async def to_callback(self, path: str = "/login") -> httpx.URL:
        """Let the provider send the browser back; return where to."""
        async with httpx.AsyncClient() as outside:
            return httpx.URL((await outside.get(await self.to_provider(path))).headers["location"])

    async def sign_in(self, path: str = "/login") -> httpx.Response:
        """Go the whole way."""
        return await self.http.get(await self.to_callback(path))

    async def session(self) -> httpx.Response:
        """Ask who is there."""
        return await self.http.get("/session")

    def elsewhere(self, gateway: str) -> "Browser":
        """Return the same browser when a load balancer sends it to another replica under the same name."""
        other = Browser(gateway)
        other.http.headers["host"] = httpx.URL(self.gateway).netloc.decode()
        other.http.headers["cookie"] = "; ".join(
            f"{cookie.name}={cookie.value}" for cookie in self.http.cookies.jar
        )
        return other


def query_of(url: httpx.URL) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(str(url)).query).items()}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "session-keys"
    path.write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
    return path


OpenReplica = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
def open_replica(
    services: Services, issuer: Issuer, provider: OpenIdProvider, key_file: Path, dist: Path
) -> OpenReplica:
    """Serve one gateway on a free port; replicas of it have its public URL."""
    services.answers["ListLeads"] = lambda *_: new("leadfactory.lead.v1.ListLeadsResponse")

    @asynccontextmanager
    async def opened(*, console: Path = dist, **overrides: Any) -> AsyncIterator[str]:
        listening = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        addresses = {f"{name}_service_address": services.address for name in ("lead", "report", "lineage")}
        given = {
            **issuer.settings("gateway"),
            **addresses,
            "identity_issuer": provider.issuer,
            "identity_jwks": "",
            "gateway_public_url": url,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": CLIENT_SECRET,
            "session_key_file": key_file,
            **overrides,
        }
        settings = GatewaySettings(**given)
        async with backends.connect(settings, contract.image()) as channels:
            config = serving._config(settings, app.create(settings, channels, console))
            server = uvicorn.Server(config)
            running = asyncio.create_task(server._serve([listening]))
            while not server.started:  # noqa: ASYNC110  (uvicorn has nothing to wait for)
                await asyncio.sleep(0.01)
            try:
                yield url
            finally:
                server.should_exit = True
                await running

    return opened


@pytest.fixture
async def browser(open_replica: OpenReplica) -> AsyncIterator[Browser]:
    async with open_replica() as url:
        made = Browser(url)
        async with made.http:
            yield made


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass for sessions."""
    import time

    passed = 0.0

    def pass_(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr("gateway.oidc.sessions.time", SimpleNamespace(time=lambda: time.time() + passed))
    return pass_
