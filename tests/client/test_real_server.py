"""The command line against a real gRPC server with the real interceptors, and the lead context in memory."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import pytest

from client.places import CHECKOUT
from lead_service.memory import MemoryLeadStores
from lead_service.server import records
from lead_service.servicer import LeadServicer
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services.clock import utc_now
from services.database import Database
from services.server import Service
from tests.client.conftest import Ran, Stage
from tests.fixtures.identity import Issuer
from tests.fixtures.rpc import ServeInProcess


async def test_a_lead_goes_in_and_comes_out_and_every_refusal_is_one_line(
    stage: Stage,
    issuer: Issuer,
    serve_in_process: ServeInProcess,
    monkeypatch: pytest.MonkeyPatch,
):
    async def leadfactory(*arguments: str) -> Ran:
        """Run it as a process: the server's own log is on this one's standard output."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "client", *arguments, cwd=CHECKOUT, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    nowhere = Database("postgresql://nowhere.invalid/lead", name="test")
    servicer = LeadServicer(MemoryLeadStores(), utc_now, records(nowhere))
    described = lead_pb2.DESCRIPTOR.services_by_name["LeadService"]
    service = Service(described, lead_pb2_grpc.add_LeadServiceServicer_to_server, servicer)
    async with serve_in_process(service) as address:
        monkeypatch.setenv("LEADFACTORY_ADDRESS", address)
        monkeypatch.setenv("LEADFACTORY_TOKEN", issuer.person("ada", "operator"))
        added = await leadfactory(
            "leads", "add", " Hello@Example.ORG", "--no-look-up", "--name", "Ä", "--json"
        )
        assert (added.status, added.document["email"], added.document["name"]) == (
            0,
            "Hello@example.org",
            "Ä",
        )
        listed = await leadfactory("leads", "list", "--json")
        assert [each["id"] for each in listed.document["leads"]] == [added.document["id"]]
        again = await leadfactory("leads", "add", "hello@example.org", "--no-look-up")
        assert (again.status, again.out) == (1, "")
        assert f"See `leadfactory leads show {added.document['id']}`." in again.err
        wrong = await leadfactory("leads", "list", "--order", "colour")
        assert wrong.status == 1
        assert wrong.err.startswith("error: order_by: ")
        wrong = await leadfactory("leads", "add", "nonsense", "--no-look-up")
        assert wrong.err.startswith("error: email: ")
        monkeypatch.setenv("LEADFACTORY_TOKEN", issuer.person("ada", "viewer"))
        denied = await leadfactory("leads", "add", "other@example.org", "--no-look-up")
        assert (denied.status, denied.out, len(denied.err.splitlines())) == (1, "", 1)
        monkeypatch.setenv("LEADFACTORY_TOKEN", "nobody")
        unknown = await leadfactory("leads", "list")
        assert unknown.err.endswith("Run `leadfactory login`.\n")
        assert "nobody" not in unknown.err
    gone = await leadfactory("leads", "list")
    assert gone.status == 1
    assert gone.err.startswith("error: The service does not answer (")
