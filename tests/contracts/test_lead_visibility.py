"""Promise: a deleted lead is there for operators, auditors and admins, and is not there for viewers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest

from lead_service import exporting, leads, refusals, visibility
from lead_service.domain import NEWEST_FIRST, LeadFilter, LeadStores
from lead_service.import_repository import PostgresImportStore
from lead_service.memory import MemoryLeadStores
from lead_service.quota import STANDARD
from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from lead_service.transfer_servicer import LeadTransferServicer
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc, transfers_pb2, transfers_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.errors import NotFound, PermissionDenied
from services.identity import Actor, acting_as
from services.ids import uuid7
from services.server import Service
from tests.contracts.leads import ADA, keep, new_lead
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess

VERA = Actor("vera", frozenset({"viewer"}))
SEEING = [
    Actor("ada", frozenset({"operator"})),
    Actor("alan", frozenset({"auditor"})),
    Actor("root", frozenset({"admin", "viewer"})),
    # Its work began while the lead lived, and the person that it is for may be a viewer by now.
    Actor("vera", workload="report-worker"),
]


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest, lead_database: TestDatabase) -> AsyncIterator[LeadStores]:
    if request.param == "memory":
        yield MemoryLeadStores()
        return
    database = Database(lead_database.url, name="test")
    yield UnitsOfWork(database, PostgresLeadStore)
    await database.close()


async def test_whoever_may_bring_a_lead_back_or_audits_sees_it_deleted(stores: LeadStores) -> None:
    lead, before = new_lead(), utc_now()
    with acting_as(ADA):
        await keep(stores, lead)
        lived = utc_now()
        gone = await leads.delete(stores, lead.id, (), utc_now)
    wanted = LeadFilter(show_deleted=True)
    for actor in SEEING:
        assert await leads.get(stores, lead.id, actor) == gone
        assert (await leads.get_as_of(stores, lead.id, lived, actor, utc_now)).email == lead.email
        assert (await leads.page(stores, wanted, 9, None, NEWEST_FIRST, actor)).leads == (gone,)
        with pytest.raises(NotFound):
            await leads.get_as_of(stores, lead.id, before, actor, utc_now)


async def test_for_a_viewer_a_deleted_lead_is_not_there_nor_was(stores: LeadStores) -> None:
    lead, other = new_lead(), new_lead()
    with acting_as(ADA):
        await keep(stores, lead, other)
        lived = utc_now()
        await leads.delete(stores, lead.id, (), utc_now)
    for question in (
        leads.get(stores, lead.id, VERA),
        leads.get_as_of(stores, lead.id, lived, VERA, utc_now),
        leads.get_as_of(stores, lead.id, utc_now(), VERA, utc_now),
    ):
        with pytest.raises(NotFound) as caught:
            await question
        # In the same words as of one that never was.
        with pytest.raises(NotFound) as unknown:
            await leads.get(stores, (never := uuid7()), VERA)
        assert caught.value.message == unknown.value.message.replace(str(never), str(lead.id))
    assert (await leads.get(stores, other.id, VERA)).id == other.id
    with pytest.raises(PermissionDenied):
        await leads.page(stores, LeadFilter(show_deleted=True), 9, None, NEWEST_FIRST, VERA)
    found = await leads.page(stores, LeadFilter(), 9, None, NEWEST_FIRST, VERA)
    assert [each.id for each in found.leads] == [other.id]


async def test_for_a_viewer_a_lead_that_lives_was_not_there_while_it_was_deleted(stores: LeadStores) -> None:
    lead = new_lead()
    with acting_as(ADA):
        await keep(stores, lead)
        lived = utc_now()
        await leads.delete(stores, lead.id, (), utc_now)
        deleted = utc_now()
        back = await leads.undelete(stores, lead.id, (), utc_now)
    assert await leads.get(stores, lead.id, VERA) == back
    assert (await leads.get_as_of(stores, lead.id, lived, VERA, utc_now)).version == lead.version
    with pytest.raises(NotFound):
        await leads.get_as_of(stores, lead.id, deleted, VERA, utc_now)


def test_an_export_with_deleted_leads_is_refused_before_anything_is_sent(stores: LeadStores) -> None:
    database: Any = None
    with pytest.raises(PermissionDenied):
        exporting.export(
            stores, database, LeadFilter(show_deleted=True), NEWEST_FIRST, exporting.Form.CSV, "", VERA
        )


def test_processes_and_everybody_but_viewers_see_deleted_leads() -> None:
    assert all(map(visibility.sees_deleted, SEEING))
    assert not visibility.sees_deleted(VERA)
    assert not visibility.sees_deleted(Actor("nobody"))


@dataclass
class Api:
    """The whole API of leads, as one role or another, and who was denied what."""

    clients: dict[str, httpx.AsyncClient]
    database: Database
    channel: grpc.aio.Channel

    async def denials(self) -> list[tuple[str, str]]:
        reply = await self.clients["auditor"].get("/api/leads/-/audit", params={"action": "DENIED"})
        return [(each["method"].partition("/")[2], each["reason"]) for each in reply.json()["entries"]]


@pytest.fixture
async def api(
    lead_database: TestDatabase, serve_in_process: ServeInProcess, through_gateway: ThroughGateway
) -> AsyncIterator[Api]:
    database = Database(lead_database.url, name="test")
    kept = records(database)
    found = UnitsOfWork(database, PostgresLeadStore)
    imports = UnitsOfWork(database, lambda session: PostgresImportStore(session, quota=STANDARD))
    services = [
        Service(
            lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
            lead_pb2_grpc.add_LeadServiceServicer_to_server,
            LeadServicer(found, utc_now, kept),
        ),
        Service(
            transfers_pb2.DESCRIPTOR.services_by_name["LeadTransferService"],
            transfers_pb2_grpc.add_LeadTransferServiceServicer_to_server,
            LeadTransferServicer(imports, found, kept.audits, utc_now),
        ),
    ]

    @asynccontextmanager
    async def clients(address: str) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
        async with AsyncExitStack() as stack:
            yield {
                role: await stack.enter_async_context(through_gateway(address, role))
                for role in ("viewer", "operator", "auditor", "admin")
            }

    async with (
        serve_in_process(*services, on_refusal=refusals.noting(kept.audits)) as address,
        clients(address) as by_role,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield Api(by_role, database, channel)
    await database.close()


async def test_over_rest_and_grpc_each_role_sees_what_it_may_and_denials_are_audited(
    api: Api, issuer: Issuer
) -> None:
    operator = api.clients["operator"]
    made = (await operator.post("/api/leads", json={"email": "ada@example.com"})).json()
    path, lived = f"/api/leads/{made['id']}", utc_now()
    gone = (await operator.delete(path)).json()
    stub = lead_pb2_grpc.LeadServiceStub(api.channel)
    for role, client in api.clients.items():
        metadata = [("authorization", f"Bearer {issuer.person('ada', role)}")]
        read = await client.get(path)
        past = await client.get(path, params={"as_of": lived.isoformat()})
        listed = await client.get("/api/leads", params={"show_deleted": "true"})
        exported = await client.get("/api/leads:export", params={"show_deleted": "true"})
        call = stub.GetLead(lead_pb2.GetLeadRequest(id=made["id"]), metadata=metadata)
        statuses = [each.status_code for each in (read, past, listed, exported)]
        if role == "viewer":
            assert statuses == [404, 404, 403, 403]
            assert listed.json()["error"]["details"][0]["reason"] == "DELETED_LEADS_HIDDEN"
            assert "ada@example.com" not in read.text + past.text + listed.text + exported.text
            assert await call.code() is grpc.StatusCode.NOT_FOUND
        else:
            assert statuses == [200, 200, 200, 200]
            assert read.json() == gone
            assert listed.json()["leads"] == [gone]
            assert "ada@example.com" in exported.text
            assert (await call).email == "ada@example.com"
        assert (await client.get("/api/leads")).json()["leads"] == []
        assert (await client.get("/api/leads:export")).status_code == 200
    assert sorted(await api.denials()) == [
        ("ExportLeads", "DELETED_LEADS_HIDDEN"),
        ("ListLeads", "DELETED_LEADS_HIDDEN"),
    ]


async def test_an_erased_lead_is_there_for_nobody(api: Api) -> None:
    made = (await api.clients["operator"].post("/api/leads", json={"email": "ada@example.com"})).json()
    path, lived = f"/api/leads/{made['id']}", utc_now()
    assert (await api.clients["admin"].post(f"{path}:erase", json={})).status_code == 200
    for role, client in api.clients.items():
        assert (await client.get(path)).status_code == 404
        assert (await client.get(path, params={"as_of": lived.isoformat()})).status_code == 404
        if role != "viewer":
            listed = await client.get("/api/leads", params={"show_deleted": "true"})
            assert listed.json()["leads"] == []
    for role in ("auditor", "admin"):
        audit = await api.clients[role].get(f"{path}/audit")
        # What was done and when stays; what it was done to does not.
        assert audit.status_code == 200
        assert audit.json()["entries"]
        assert "ada@example.com" not in audit.text
