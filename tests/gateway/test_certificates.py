"""Promise: with certificates set, the gateway reaches services as before, and only as the gateway."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services import identity
from services.server import Service
from tests.fixtures.certificates import Authority
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.rpc import ServeInProcess

PATH = "/api/leads/0190a0f0-0000-7000-8000-000000000000"


class Leads(lead_pb2_grpc.LeadServiceServicer):
    """Answers with who is calling, and from where."""

    async def GetLead(self, request: Any, context: Any) -> lead_pb2.Lead:
        actor = identity.current_actor()
        return lead_pb2.Lead(id=request.id, name=f"{actor.subject} at {actor.ip}")


@pytest.fixture
async def address(serve_in_process: ServeInProcess, authority: Authority) -> AsyncIterator[str]:
    service = Service(
        lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
        lead_pb2_grpc.add_LeadServiceServicer_to_server,
        Leads(),
    )
    async with serve_in_process(service, **authority.settings("lead", "report", "lineage")) as listening:
        yield listening


async def test_a_person_is_served_through_certified_processes(
    address: str, authority: Authority, through_gateway: ThroughGateway
) -> None:
    async with through_gateway(address, "viewer", **authority.settings("gateway")) as client:
        reply = await client.get(PATH)
        assert (reply.status_code, reply.json()["name"]) == (200, "ada at 127.0.0.1")
        authority.settings("gateway")
        authority.settings("lead", "report", "lineage")
        assert (await client.get(PATH)).status_code == 200


async def test_a_gateway_without_a_certificate_or_with_a_strangers_reaches_nothing(
    address: str, authority: Authority, other_authority: Authority, through_gateway: ThroughGateway
) -> None:
    strange = other_authority.settings("gateway", believes=authority)
    for tls in ({}, strange, authority.settings("gateway", expired=True)):
        async with through_gateway(address, "viewer", **tls) as client:
            reply = await client.get(PATH)
            assert (reply.status_code, reply.json()["error"]["status"]) == (503, "UNAVAILABLE")


async def test_who_is_certified_as_another_process_does_not_pass_for_the_gateway(
    address: str, authority: Authority, through_gateway: ThroughGateway
) -> None:
    async with through_gateway(address, "viewer", **authority.settings("report-worker")) as client:
        reply = await client.get(PATH)
    assert (reply.status_code, reply.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
