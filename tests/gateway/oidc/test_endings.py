"""Promise: what goes on for a session, such as a watcher's stream, ends within a minute of the session."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from gateway.oidc import endings
from gateway.oidc.sessions import ASK_AFTER_SECONDS, MOST_UNASKED_SECONDS
from tests.fixtures.provider import OpenIdProvider
from tests.gateway.conftest import Services, new
from tests.gateway.oidc.conftest import LEADS, Browser

WATCH = "/api/leads:watch"
Later = Callable[[float], None]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "LOOK_SECONDS", 0.05)


@pytest.fixture
def watched(services: Services) -> asyncio.Event:
    """Leads that can be watched for ever; set when the service hears that the watcher has gone."""
    gone = asyncio.Event()

    async def watch(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield new("leadfactory.lead.v1.LeadEvent", kind=1, resume_token="7")
                await asyncio.sleep(0.02)
        finally:
            gone.set()

    services.answers["WatchLeads"] = watch
    return gone


async def begun(stream: httpx.Response) -> AsyncIterator[str]:
    assert stream.status_code == 200
    told = events(stream)
    assert "HEARTBEAT" in await anext(told)
    return told


async def events(stream: httpx.Response) -> AsyncIterator[str]:
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield line


async def breaks_off(lines: AsyncIterator[str]) -> bool:
    """Read on until the connection goes, rather than the stream comes to its end."""
    async with asyncio.timeout(20):
        try:
            async for _ in lines:
                pass
        except httpx.RemoteProtocolError:
            return True
    return False


async def test_a_stream_ends_when_the_provider_has_ended_the_session(
    browser: Browser, provider: OpenIdProvider, later: Later, watched: asyncio.Event
) -> None:
    await browser.sign_in()
    async with browser.http.stream("GET", WATCH) as stream:
        lines = await begun(stream)
        provider.sessions.clear()
        later(ASK_AFTER_SECONDS)
        assert await breaks_off(lines)
    async with asyncio.timeout(20):
        await watched.wait()
    assert (await browser.http.get(WATCH)).status_code == 401


async def test_a_stream_ends_when_its_browser_signs_out(browser: Browser, watched: asyncio.Event) -> None:
    await browser.sign_in()
    async with browser.http.stream("GET", WATCH) as stream:
        lines = await begun(stream)
        reply = await browser.http.post("/logout", headers={"origin": browser.gateway})
        assert reply.status_code < 400
        assert await breaks_off(lines)


async def test_a_stream_goes_on_while_its_session_stands(
    browser: Browser, provider: OpenIdProvider, later: Later, watched: asyncio.Event
) -> None:
    await browser.sign_in()
    async with browser.http.stream("GET", WATCH) as stream:
        lines = await begun(stream)
        for _ in range(3):
            before = provider.requests.count("/introspect")
            later(ASK_AFTER_SECONDS + 1)
            async with asyncio.timeout(20):
                while provider.requests.count("/introspect") == before:
                    assert "HEARTBEAT" in await anext(lines)
        assert provider.requests.count("/token") == 1, "nothing was renewed for it"
        assert not watched.is_set()


async def test_while_the_provider_is_silent_a_stream_goes_on_for_a_minute_at_most(
    browser: Browser, provider: OpenIdProvider, later: Later, watched: asyncio.Event
) -> None:
    provider.introspects = False
    await browser.sign_in()
    async with browser.http.stream("GET", WATCH) as stream:
        lines = await begun(stream)
        later(ASK_AFTER_SECONDS + 1)
        for _ in range(20):
            assert "HEARTBEAT" in await anext(lines)
        later(MOST_UNASKED_SECONDS - ASK_AFTER_SECONDS)
        assert await breaks_off(lines)
    # It is not the end of the session: the next request renews it, and watches on.
    async with browser.http.stream("GET", WATCH) as stream:
        await begun(stream)


async def test_nobody_is_asked_about_a_program_s_bearer_token(
    browser: Browser, provider: OpenIdProvider, later: Later, services: Services, watched: asyncio.Event
) -> None:
    await browser.sign_in()
    await browser.http.get(LEADS)
    bearer = {"authorization": services.metadata["authorization"]}
    async with browser.http.stream("GET", WATCH, headers=bearer) as stream:
        lines = await begun(stream)
        provider.sessions.clear()
        later(ASK_AFTER_SECONDS)
        for _ in range(20):
            assert "HEARTBEAT" in await anext(lines)
    assert provider.requests.count("/introspect") == 0
