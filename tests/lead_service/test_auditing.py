"""Promise: auditors leaf through the audit by every filter; reading, refusals and failures are in it, too."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import pytest

from lead_service import refusals
from lead_service.audit import Action, AuditEntry, AuditFilter, AuditPosition
from lead_service.audit_repository import PostgresAuditStore, page_of_entries
from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import lead_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.ids import uuid7
from services.plans import Explained
from services.server import Service
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess

ACTION = pb.AuditEntry.Action
ALL = "-"


@pytest.fixture
async def database(lead_database: TestDatabase) -> AsyncIterator[Database]:
    opened = Database(lead_database.url, name="test")
    yield opened
    await opened.close()


@pytest.fixture
async def address(database: Database, serve_in_process: ServeInProcess) -> AsyncIterator[str]:
    audits = UnitsOfWork(database, PostgresAuditStore)
    servicer = LeadServicer(UnitsOfWork(database, PostgresLeadStore), utc_now, records(database))
    service = Service(
        pb.DESCRIPTOR.services_by_name["LeadService"],
        lead_pb2_grpc.add_LeadServiceServicer_to_server,
        servicer,
    )
    async with serve_in_process(service, on_refusal=refusals.noting(audits)) as address:
        yield address


class Caller:
    """Somebody with a token."""

    def __init__(self, stub: lead_pb2_grpc.LeadServiceStub, issuer: Issuer) -> None:
        self._stub, self._issuer = stub, issuer

    async def call(self, who: str, role: str, method: str, request: Any, ip: str = "192.0.2.1") -> Any:
        return await getattr(self._stub, method)(
            request,
            metadata=[
                ("authorization", f"Bearer {self._issuer.person(who, role)}"),
                ("x-leadfactory-peer", self._issuer.workload("gateway")),
                ("x-leadfactory-client-ip", ip),
                ("x-leadfactory-client-user-agent", "Browser"),
                ("x-request-id", "request-1"),
            ],
        )

    async def refused(self, *arguments: Any) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(*arguments)
        return caught.value.code()

    async def create(self, who: str = "ada", ip: str = "192.0.2.1") -> str:
        request = pb.CreateLeadRequest(email=f"{uuid7()}@b.example")
        made = await self.call(who, "operator", "CreateLead", request, ip)
        return str(made.id)

    async def audit(self, lead_id: str, **wanted: Any) -> Sequence[pb.AuditEntry]:
        request = pb.ListLeadAuditRequest(id=lead_id, **wanted)
        return list((await self.call("eve", "auditor", "ListLeadAudit", request)).entries)


@pytest.fixture
async def caller(address: str, issuer: Issuer) -> AsyncIterator[Caller]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield Caller(lead_pb2_grpc.LeadServiceStub(channel), issuer)


async def test_an_entry_says_who_did_what_from_where(caller: Caller) -> None:
    lead_id = await caller.create()
    (entry,) = await caller.audit(lead_id)
    assert UUID(entry.id).version == 7
    assert (entry.lead_id, entry.version, entry.action) == (lead_id, 1, ACTION.CREATE)
    assert (entry.user_id, entry.roles, entry.workload) == ("ada", ["operator"], "")
    assert (entry.ip_address, entry.user_agent, entry.request_id) == ("192.0.2.1", "Browser", "request-1")
    assert entry.method == "leadfactory.lead.v1.LeadService/CreateLead"
    assert entry.old_values.fields == {}
    assert entry.new_values["domain"] == "b.example"
    assert "enriched_at" not in entry.new_values
    assert "email" in entry.changed_fields
    assert "enriched_at" not in entry.changed_fields
    assert (len(entry.entry_hash), entry.previous_hash, entry.code) == (64, "", "OK")
    assert abs(utc_now().timestamp() - entry.created_at.ToNanoseconds() / 1e9) < 60


async def test_a_look_into_the_audit_is_in_the_audit(caller: Caller) -> None:
    lead_id = await caller.create()
    await caller.audit(lead_id)
    await caller.audit(lead_id)
    reads = await caller.audit(lead_id, action=ACTION.READ)
    assert [(each.user_id, each.version, each.code) for each in reads] == [("eve", 0, "OK")] * 2
    assert all(each.method.endswith("/ListLeadAudit") and len(each.entry_hash) == 64 for each in reads)


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_others_than_auditors_are_denied_and_that_is_noted(caller: Caller, role: str) -> None:
    lead_id = await caller.create()
    request = pb.ListLeadAuditRequest(id=lead_id)
    assert await caller.refused("bob", role, "ListLeadAudit", request) is grpc.StatusCode.PERMISSION_DENIED
    denied, created = await caller.audit(lead_id)
    assert (denied.action, denied.user_id, denied.roles) == (ACTION.DENIED, "bob", [role])
    assert (denied.code, denied.reason, denied.version) == ("PERMISSION_DENIED", "ACCESS_DENIED", 0)
    assert created.action == ACTION.CREATE


async def test_writes_that_fail_are_noted_and_reads_that_fail_are_not(caller: Caller) -> None:
    for email in ("nobody", "x" * 300):
        request = pb.CreateLeadRequest(email=email)
        code = await caller.refused("bob", "operator", "CreateLead", request)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
    unknown = pb.GetLeadRequest(id=str(uuid7()))
    assert await caller.refused("bob", "operator", "GetLead", unknown) is grpc.StatusCode.NOT_FOUND
    entries = await caller.audit(ALL)
    assert [(each.action, each.code, each.lead_id) for each in entries] == [
        (ACTION.FAILED, "INVALID_ARGUMENT", "")
    ] * 2
    assert {each.method for each in entries} == {"leadfactory.lead.v1.LeadService/CreateLead"}


async def test_a_refusal_is_answered_when_it_cannot_be_noted(
    caller: Caller, lead_database: TestDatabase
) -> None:
    owner = await asyncpg.connect(lead_database.owner_url)
    await owner.execute("REVOKE EXECUTE ON FUNCTION lead_audit_call FROM lead_app")
    request = pb.CreateLeadRequest(email="a@b.example")
    assert await caller.refused("bob", "viewer", "CreateLead", request) is grpc.StatusCode.PERMISSION_DENIED
    await owner.execute("GRANT EXECUTE ON FUNCTION lead_audit_call TO lead_app")
    await owner.execute("BEGIN; LOCK TABLE lead_audit")
    assert await caller.refused("bob", "viewer", "CreateLead", request) is grpc.StatusCode.PERMISSION_DENIED
    await owner.execute("ROLLBACK")
    await owner.close()
    assert await caller.audit(ALL) == []


async def test_nothing_is_shown_if_the_look_cannot_be_noted(
    caller: Caller, lead_database: TestDatabase
) -> None:
    lead_id = await caller.create()
    owner = await asyncpg.connect(lead_database.owner_url)
    await owner.execute("REVOKE EXECUTE ON FUNCTION lead_audit_call FROM lead_app")
    await owner.close()
    request = pb.ListLeadAuditRequest(id=lead_id)
    assert await caller.refused("eve", "auditor", "ListLeadAudit", request) is grpc.StatusCode.INTERNAL


async def test_an_unknown_lead_is_not_found(caller: Caller) -> None:
    request = pb.ListLeadAuditRequest(id=str(uuid7()))
    assert await caller.refused("eve", "auditor", "ListLeadAudit", request) is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "x"},
        {"id": "--"},
        {"ip_address": "10.0.0.0/33"},
        {"ip_address": "example.com"},
        {"action": 99},
        {"page_size": -1},
        {"page_token": "nonsense"},
    ],
)
async def test_bad_filters_are_refused(caller: Caller, wrong: dict[str, Any]) -> None:
    request = pb.ListLeadAuditRequest(**{"id": ALL, **wrong})
    assert (
        await caller.refused("eve", "auditor", "ListLeadAudit", request) is grpc.StatusCode.INVALID_ARGUMENT
    )


async def test_every_filter_selects(caller: Caller) -> None:
    first = await caller.create("ada", "10.1.2.3")
    second = await caller.create("bob", "2001:db8::7")
    await caller.refused("bob", "viewer", "CreateLead", pb.CreateLeadRequest(email="a@b.example"), "10.1.9.9")
    denied, of_bob, of_ada = await caller.audit(ALL)
    assert (of_ada.lead_id, of_bob.lead_id, denied.lead_id) == (first, second, "")
    later = of_ada.created_at.ToDatetime() + timedelta(microseconds=1)
    for wanted, expected in [
        ({"user_id": "bob"}, [denied, of_bob]),
        ({"user_id": "b"}, []),
        ({"action": ACTION.CREATE}, [of_bob, of_ada]),
        ({"action": ACTION.DENIED}, [denied]),
        ({"field": "email"}, [of_bob, of_ada]),
        ({"field": "nothing"}, []),
        ({"created_after": of_bob.created_at}, [denied, of_bob]),
        ({"created_before": of_bob.created_at}, [of_ada]),
        ({"created_after": of_ada.created_at, "created_before": later}, [of_ada]),
        ({"ip_address": "10.1.2.3"}, [of_ada]),
        ({"ip_address": "10.1.0.0/16"}, [denied, of_ada]),
        ({"ip_address": "10.1.2.3/16"}, [denied, of_ada]),
        ({"ip_address": "2001:db8::/32"}, [of_bob]),
        ({"ip_address": "0.0.0.0/0", "user_id": "bob"}, [denied]),
    ]:
        assert await caller.audit(ALL, **wanted) == expected, wanted
    assert await caller.audit(first) == [of_ada]


async def test_walking_the_pages_shows_every_entry_once(caller: Caller) -> None:
    await asyncio.gather(*(caller.create() for _ in range(7)))
    expected = await caller.audit(ALL)
    found: list[pb.AuditEntry] = []
    token = ""
    while True:
        request = pb.ListLeadAuditRequest(id=ALL, page_size=3, page_token=token)
        page = await caller.call("eve", "auditor", "ListLeadAudit", request)
        found += page.entries
        token = page.next_page_token
        if not token:
            break
        other = pb.ListLeadAuditRequest(id=ALL, page_token=token, user_id="ada")
        assert (
            await caller.refused("eve", "auditor", "ListLeadAudit", other) is grpc.StatusCode.INVALID_ARGUMENT
        )
    assert found == expected
    assert len(found) == 7


FILL = """
INSERT INTO lead_audit (id, lead_id, version, action, code, reason, user_id, roles, ip_address, user_agent,
    request_id, method, created_at, changed_fields, old_values, new_values, bookkeeping, salts,
    canonical)
SELECT uuidv7(), gen_random_uuid(), 1, 'CREATE', 'OK', '', 'user' || n % 500, '{}',
    '10.0.0.0'::inet + n, '', '', '', now() - n * interval '1 second', ARRAY['f' || n % 500], '{}', '{}',
    '{}', '{}', '' FROM generate_series(1, 50000) AS n
"""


async def test_each_filter_uses_an_index(database: Database, lead_database: TestDatabase) -> None:
    owner = await asyncpg.connect(lead_database.owner_url)
    await owner.execute(FILL)
    await owner.execute("ANALYZE lead_audit")
    await owner.close()
    now = utc_now()
    after = AuditPosition(now - timedelta(hours=4), uuid7())
    for wanted, index in [
        (AuditFilter(), "ix_lead_audit_created_at_id"),
        (AuditFilter(lead_id=uuid7()), "lead_audit_lead_id"),
        (AuditFilter(user_id="user7"), "ix_lead_audit_user_id_created_at_id"),
        (AuditFilter(action=Action.DENIED), "ix_lead_audit_action_created_at_id"),
        (AuditFilter(changed_field="f7"), "ix_lead_audit_changed_fields"),
        (AuditFilter(created_before=now - timedelta(hours=9)), "ix_lead_audit_created_at_id"),
        (AuditFilter(network=ip_network("10.0.7.0/28")), "ix_lead_audit_ip_address"),
    ]:
        async with database.read() as session:
            plan = str(await session.scalar(Explained(page_of_entries(wanted, 51, after))))
        assert index in plan, wanted
        assert "Seq Scan" not in plan, wanted


def test_an_entry_shows_no_salt_when_it_is_printed() -> None:
    shown = {each.name for each in AuditEntry.__dataclass_fields__.values() if each.repr}
    assert not shown & {"salts", "canonical", "entry_hash"}
