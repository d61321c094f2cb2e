"""Promise: whoever sends or reads slowly, on purpose or not, holds a connection for a short time only."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from gateway import app, backends, contract, protocol, serving
from tests.fixtures.identity import Issuer
from tests.gateway.conftest import Services, new, settings_of

HOST = b"host: 127.0.0.1\r\n"
ALIVE = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
PATIENCE = 30


@dataclass
class Gateway:
    """The gateway, listening."""

    port: int
    server: uvicorn.Server
    bearer: bytes

    async def empties(self) -> None:
        """Wait until no connection is left."""
        async with asyncio.timeout(PATIENCE):
            while self.server.server_state.connections:  # noqa: ASYNC110  (uvicorn has nothing to wait for)
                await asyncio.sleep(0.02)


@pytest.fixture
async def gateway(
    services: Services, issuer: Issuer, logins: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.4)
    monkeypatch.setattr(serving, "KEEP_ALIVE_SECONDS", 1)
    settings = settings_of(services, issuer, logins, stall_seconds=0.4, upload_idle_seconds=0.4)
    async with backends.connect(settings, contract.image()) as channels:
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(serving._config(settings, app.create(settings, channels)))
        running = asyncio.create_task(server._serve([listening]))
        while not server.started:  # noqa: ASYNC110  (uvicorn has nothing to wait for)
            await asyncio.sleep(0.01)
        bearer = f"authorization: Bearer {issuer.person('ada', 'operator')}\r\n".encode()
        yield Gateway(listening.getsockname()[1], server, bearer)
        server.should_exit = True
        await running


async def drip(port: int, begin: bytes, drop: bytes) -> bytes:
    """Send a beginning and then a drop at a time; return all that came until the connection was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begin)
    reading = asyncio.ensure_future(reader.read())
    try:
        async with asyncio.timeout(PATIENCE):
            while not reading.done():
                writer.write(drop)
                await asyncio.wait({reading}, timeout=0.05)
            return await reading
    except ConnectionError:
        return b""
    finally:
        reading.cancel()
        writer.close()


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (b"", b""),
        (b"", b"\r\n"),
        (b"GET /heal", b"t"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST, b"x"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST, b"x: y\r\n"),
        # Empty lines after an answer, which are no request and no silence.
        (ALIVE, b"\r\n"),
        (ALIVE, b""),
        # Bodies that the answer did not wait for.
        (b"POST /api/leads HTTP/1.1\r\ncontent-length: 100000\r\n" + HOST + b"\r\n", b"x"),
        (b"GET /healthz HTTP/1.1\r\ncontent-length: 100000\r\n" + HOST + b"\r\n", b"x"),
        (b"GET /healthz HTTP/1.1\r\ntransfer-encoding: chunked\r\n" + HOST + b"\r\n", b"1\r\nx\r\n"),
        (b"GET /healthz HTTP/1.1\r\ntransfer-encoding: chunked\r\n" + HOST + b"\r\n0\r\n", b"x: y\r\n"),
    ],
)
async def test_a_connection_on_which_bytes_drip_is_closed(
    gateway: Gateway, begin: bytes, drop: bytes
) -> None:
    await drip(gateway.port, begin, drop)
    await gateway.empties()


async def test_a_body_that_drips_into_an_upload_is_answered_with_408(
    gateway: Gateway, services: Services
) -> None:
    async def never(request: object, context: object) -> object:
        await asyncio.sleep(PATIENCE)
        return new("leadfactory.lead.v1.LeadImport")

    services.answers["ImportLeads"] = never
    head = b"POST /api/leads:import HTTP/1.1\r\ncontent-type: text/csv\r\ncontent-length: 1000\r\n"
    answer = await drip(gateway.port, head + HOST + gateway.bearer + b"\r\nemail\r\n", b"")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"BODY_TOO_SLOW" in answer
    await gateway.empties()


async def test_answers_that_nobody_takes_are_dropped_also_when_the_connection_is_to_close(
    gateway: Gateway,
) -> None:
    """One asks for much and closes nothing; its last bytes find no room and no reader."""
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall((b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 50)
        client.sendall(b"GET /openapi.json HTTP/1.1\r\nconnection: close\r\n" + HOST + b"\r\n")
        await asyncio.sleep(0)
        await gateway.empties()


async def test_what_stands_behind_a_body_is_no_header(gateway: Gateway, services: Services) -> None:
    services.answers["CreateLead"] = lambda request, _: new("leadfactory.lead.v1.Lead", email=request.email)
    body = b'{"email": "ada@example.com"}'
    request = b"".join(
        [
            b"POST /api/leads HTTP/1.1\r\ncontent-type: application/json\r\nconnection: close\r\n",
            b"transfer-encoding: chunked\r\ntrailer: x-request-id\r\n",
            HOST,
            gateway.bearer,
            b"\r\n%x\r\n%s\r\n0\r\n" % (len(body), body),
            b"authorization: Bearer mallory\r\nidempotency-key: 0190a0f0\r\n",
            b"x-request-id: mallory-0001\r\n\r\n",
        ]
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert "mallory" not in str(services.metadata)
    assert services.requests[-1].request_id == ""


async def test_who_is_quick_is_served_on_one_connection_for_as_long_as_they_ask(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    for _ in range(20):
        writer.write(ALIVE)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        assert b" 200 " in head
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
        await asyncio.sleep(0.05)
    writer.close()
