"""Promise: a process says when it can work, ends what it began, and leaves when it is told to."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local.ports import reserved
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from tests.fixtures.certificates import Authority
from tests.fixtures.identity import Issuer

PATIENCE = 20

# A whole process: one slow method, one loop, and a readiness that a file decides.
PROGRAM = """
import asyncio, pathlib, sys
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services.process import live, run
from services.server import Service, build
from services.settings import ServiceSettings

flag = pathlib.Path(sys.argv[1])

class Leads(lead_pb2_grpc.LeadServiceServicer):
    async def GetLead(self, request, context):
        await asyncio.sleep(1)
        return lead_pb2.Lead(id=request.id)

async def ready():
    if not flag.exists():
        raise RuntimeError("no flag")

async def loop(stop):
    await stop.wait()
    print("loop ended", flush=True)

service = Service(
    lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
    lead_pb2_grpc.add_LeadServiceServicer_to_server,
    Leads(),
)
settings = ServiceSettings.load()

async def main():
    await live(settings, process="test", server=build(settings, [service]), loops=[loop], ready=ready)

run(main())
"""


class Process:
    """The program above, running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                line = (await self.process.stdout.readline()).decode()
                assert line, f"ended without {text!r}: {self.lines}"
                self.lines.append(line)
                if text in line:
                    return line

    async def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


@asynccontextmanager
async def running(port: int, flag: str, issuer: Issuer, **overrides: Any) -> AsyncIterator[Process]:
    given = issuer.settings() | overrides
    settings = {name.upper(): str(value) for name, value in given.items() if value}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        flag,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "GRPC_PORT": str(port), **settings},
    )
    try:
        started = Process(process)
        await started.read_until("process.ready")
        yield started
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def health(channel: grpc.aio.Channel, service: str, wanted: int) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    async with asyncio.timeout(PATIENCE):
        while True:
            # A service that was never set is NOT_FOUND.
            with suppress(grpc.aio.AioRpcError):
                reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))
                if reply.status == wanted:
                    return
            await asyncio.sleep(0.05)


@pytest.fixture
def ports() -> Iterator[list[int]]:
    with reserved(2) as free:
        yield free


@pytest.fixture
def port(ports: list[int]) -> int:
    return ports[0]


async def test_a_process_lives_ready_or_not_drains_its_calls_and_leaves(
    tmp_path: Any, port: int, issuer: Issuer
) -> None:
    flag = tmp_path / "flag"
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    async with (
        running(port, str(flag), issuer) as process,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        await health(channel, "", serving)
        await health(channel, "readiness", not_serving)
        flag.touch()
        await health(channel, "readiness", serving)
        flag.unlink()
        await health(channel, "readiness", not_serving)

        metadata = [("authorization", f"Bearer {issuer.person('ada', 'viewer')}")]
        request = lead_pb2.GetLeadRequest(id="0190a0f0-0000-7000-8000-000000000000")
        call = asyncio.ensure_future(
            lead_pb2_grpc.LeadServiceStub(channel).GetLead(request, metadata=metadata)
        )
        await asyncio.sleep(0.3)
        status = await process.end()
        assert (await call).id == request.id
        assert status == 0
        await process.read_until("loop ended")


async def test_probes_that_have_no_certificate_are_answered_on_a_port_of_their_own(
    tmp_path: Any, ports: list[int], issuer: Issuer, authority: Authority
) -> None:
    port, probed = ports
    tls = authority.settings("lead")
    shown = grpc.ssl_channel_credentials(
        *(tls[f"tls_{what}_file"].read_bytes() for what in ("authority", "key", "certificate"))
    )
    async with (
        running(port, str(tmp_path / "flag"), issuer, health_port=probed, **tls) as process,
        grpc.aio.insecure_channel(f"127.0.0.1:{probed}") as probe,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as plain,
        grpc.aio.secure_channel(f"127.0.0.1:{port}", shown) as peer,
    ):
        for channel in (probe, peer):
            await health(channel, "", health_pb2.HealthCheckResponse.SERVING)
            await health(channel, "readiness", health_pb2.HealthCheckResponse.NOT_SERVING)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health_pb2_grpc.HealthStub(plain).Check(health_pb2.HealthCheckRequest(), timeout=3)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        # Health is all that is answered there.
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await lead_pb2_grpc.LeadServiceStub(probe).GetLead(lead_pb2.GetLeadRequest())
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert await process.end() == 0
