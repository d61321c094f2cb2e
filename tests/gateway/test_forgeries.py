"""Promise: no forged token is believed, over gRPC or over HTTP, and none makes anybody fail."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services.server import Service
from tests.fixtures.forgeries import FORGERIES
from tests.fixtures.identity import Issuer
from tests.fixtures.rpc import ServeInProcess
from tests.gateway.conftest import Services
from tests.gateway.test_process import started

LARGE = frozenset({"a megabyte", "a megabyte of dots"})


class Leads(lead_pb2_grpc.LeadServiceServicer):
    """Knows how often it was reached."""

    def __init__(self) -> None:
        self.reached = 0

    async def ListLeads(self, request: Any, context: Any) -> lead_pb2.ListLeadsResponse:
        self.reached += 1
        return lead_pb2.ListLeadsResponse()


@pytest.fixture
def leads() -> Leads:
    return Leads()


@pytest.fixture
async def address(serve_in_process: ServeInProcess, leads: Leads) -> AsyncIterator[str]:
    descriptor = lead_pb2.DESCRIPTOR.services_by_name["LeadService"]
    service = Service(descriptor, lead_pb2_grpc.add_LeadServiceServicer_to_server, leads)
    async with serve_in_process(service) as listening:
        yield listening


@pytest.mark.parametrize("header", ["authorization", "x-leadfactory-peer"])
async def test_over_grpc(address: str, leads: Leads, issuer: Issuer, header: str) -> None:
    outcomes: dict[str, grpc.StatusCode] = {}
    options = [("grpc.max_metadata_size", 4 * 1024 * 1024)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        stub = lead_pb2_grpc.LeadServiceStub(channel)
        good = {"authorization": f"Bearer {issuer.person('ada', 'admin')}"}
        await stub.ListLeads(lead_pb2.ListLeadsRequest(), metadata=list(good.items()), timeout=10)
        for name, forge in FORGERIES.items():
            token = forge(issuer)
            forged = f"Bearer {token}" if header == "authorization" else token
            metadata = list({**good, header: forged}.items())
            try:
                await stub.ListLeads(lead_pb2.ListLeadsRequest(), metadata=metadata, timeout=10)
                outcomes[name] = grpc.StatusCode.OK
            except grpc.aio.AioRpcError as error:
                outcomes[name] = error.code()
    # gRPC itself takes no metadata of that length.
    large = {outcomes.pop(name) for name in LARGE}
    assert large <= {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert outcomes == dict.fromkeys(outcomes, grpc.StatusCode.UNAUTHENTICATED)
    assert leads.reached == 1


@pytest.mark.parametrize("header", ["authorization: Bearer ", "cookie: leadfactory_session_{port}="])
async def test_over_http(address: str, leads: Leads, services: Services, issuer: Issuer, header: str) -> None:
    outcomes: dict[str, list[int]] = {}
    async with started(services, issuer, lead_service_address=address) as process:

        async def ask(token: str) -> list[int]:
            reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
            credential = header.format(port=process.port) + token
            head = f"GET /api/leads HTTP/1.1\r\nhost: 127.0.0.1:{process.port}\r\n{credential}\r\n"
            answer = b""
            try:
                writer.write(f"{head}connection: close\r\n\r\n".encode("latin-1"))
                await writer.drain()
                answer = await asyncio.wait_for(reader.read(), 10)
            except ConnectionError:
                pass
            writer.close()
            return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]

        assert await ask(issuer.person("ada", "admin")) == [200]
        for name, forge in FORGERIES.items():
            outcomes[name] = await ask(forge(issuer))
    for name in LARGE:
        # Refused by length, or cut off before the answer was read.
        assert outcomes.pop(name) in ([], [431])
    assert {name: statuses for name, statuses in outcomes.items() if statuses != [401]} == {}
    assert leads.reached == 1
