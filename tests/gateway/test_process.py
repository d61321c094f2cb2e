"""The gateway as a process: it says when it listens, bounds what comes before a body, and ends when told."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.identity import Issuer
from tests.gateway.conftest import Services, new

ROOT = Path(__file__).parents[2]


class Process:
    def __init__(self, running: asyncio.subprocess.Process, port: int, metrics_port: int) -> None:
        self.running, self.port, self.metrics_port = running, port, metrics_port
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")


async def lines(running: asyncio.subprocess.Process) -> AsyncIterator[Any]:
    assert running.stdout is not None
    while line := await running.stdout.readline():
        yield json.loads(line)


@asynccontextmanager
async def started(services: Services, issuer: Issuer, **overrides: str) -> AsyncIterator[Process]:
    settings = {name: str(value) for name, value in issuer.settings("gateway").items()}
    settings |= {f"{context}_service_address": services.address for context in ("lead", "report", "lineage")}
    settings |= {"gateway_port": "0", "drain_seconds": "5", **overrides}
    environment = os.environ | {name.upper(): value for name, value in settings.items()}
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        ready = await anext(line async for line in lines(running) if line["event"] == "process.ready")
        process = Process(running, ready["port"], ready["metrics_port"])
        async with process.client:
            yield process
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def test_it_serves_metrics_and_ends_a_running_call_before_itself(
    services: Services, issuer: Issuer
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Any, context: Any) -> Any:
        begun.set()
        await go_on.wait()
        return new("leadfactory.lead.v1.Lead", id=request.id)

    services.answers["GetLead"] = slow
    async with started(services, issuer) as process:
        assert (await process.client.get("/readyz")).status_code == 200
        headers = {"authorization": f"Bearer {issuer.person('ada', 'viewer')}"}
        asking = asyncio.create_task(process.client.get("/api/leads/1", headers=headers))
        await begun.wait()
        async with httpx.AsyncClient() as client:
            metrics = await client.get(f"http://127.0.0.1:{process.metrics_port}/metrics")
        assert (
            'http_server_request_duration_seconds_count{method="GET",route="/readyz",status="200"}'
            in metrics.text
        )
        process.running.send_signal(signal.SIGTERM)
        # The probe before left no line.
        assert (await anext(lines(process.running)))["event"] == "process.stopping"
        go_on.set()
        assert (await asking).json()["id"] == "1"
        assert await process.running.wait() == 0


async def test_it_ends_streams_that_would_go_on(services: Services, issuer: Issuer) -> None:
    async def watch(request: Any, context: Any) -> AsyncIterator[Any]:
        yield new("leadfactory.lead.v1.LeadEvent", resume_token="a")
        await asyncio.Event().wait()

    services.answers["WatchLeads"] = watch
    # Longer than this test may take: nobody is waited for.
    async with started(services, issuer, drain_seconds="600") as process:
        headers = {
            "authorization": f"Bearer {issuer.person('ada', 'viewer')}",
            "accept": "text/event-stream",
        }
        async with process.client.stream("GET", "/api/leads:watch", headers=headers) as reply:
            pieces = reply.aiter_text()
            assert (await anext(pieces)).startswith("id: a\n")
            process.running.send_signal(signal.SIGTERM)
            assert [piece async for piece in pieces] == []
        assert await process.running.wait() == 0


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 40_000,
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET / HTTP/1.1\r\nx: " + b"y" * 300_000,
    ],
)
async def test_a_head_without_end_is_refused_and_the_gateway_lives_on(
    services: Services, issuer: Issuer, head: bytes
) -> None:
    async with started(services, issuer) as process:
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
        answer = b""
        try:
            for at in range(0, len(head), 4096):
                writer.write(head[at : at + 4096])
                await writer.drain()
            answer = await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            pass
        assert answer == b"" or b" 431 " in answer or b" 400 " in answer
        writer.close()
        assert (await process.client.get("/healthz")).status_code == 200


async def test_a_port_that_is_taken_ends_the_process_with_a_reason(
    services: Services, issuer: Issuer
) -> None:
    async with started(services, issuer) as first:
        with pytest.raises(RuntimeError, match="StopAsyncIteration"):
            async with started(services, issuer, gateway_port=str(first.port)):
                raise AssertionError("it must not start")
