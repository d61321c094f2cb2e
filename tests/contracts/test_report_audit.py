"""Promise: who is denied a call of the report context is in its audit for good, and so is who reads that."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from sqlalchemy import text

from protos.leadfactory.report.v1 import (
    audit_pb2,
    audit_pb2_grpc,
    report_pb2,
    report_pb2_grpc,
    template_pb2,
    template_pb2_grpc,
)
from report_service.audit import notes
from report_service.audit.domain import Action, AuditFilter, AuditStores, Caller, Entry, resource
from report_service.audit.memory import MemoryAuditStores
from report_service.audit.repository import PostgresAuditStore
from report_service.audit.servicer import ReportAuditServicer
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.errors import PermissionDenied
from services.ids import uuid7
from services.server import Service
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.report_service.builders import NOON

REPORT = "0190a0f0-0000-7000-8000-000000000000"
ADA = Caller("ada", ("operator", "viewer"), "", "192.0.2.7", "curl", "request-0001", "x.Y/Z")


def an_entry(**values: object) -> Entry:
    made = Entry(uuid7(), Action.DENIED, ADA, NOON, REPORT, "ACCESS_DENIED")
    return replace(made, **values)  # type: ignore[arg-type]


@pytest.fixture
async def database(report_database: TestDatabase) -> AsyncIterator[Database]:
    opened = Database(report_database.url, name="test")
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> AuditStores:
    if request.param == "memory":
        return MemoryAuditStores()
    return UnitsOfWork(request.getfixturevalue("database"), PostgresAuditStore)


@pytest.fixture
async def address(stores: AuditStores, serve_in_process: ServeInProcess) -> AsyncIterator[str]:
    """The audit, and services behind the same checks whose calls may be denied."""
    services = [
        Service(
            audit_pb2.DESCRIPTOR.services_by_name["ReportAuditService"],
            audit_pb2_grpc.add_ReportAuditServiceServicer_to_server,
            ReportAuditServicer(stores, utc_now),
        ),
        Service(
            report_pb2.DESCRIPTOR.services_by_name["ReportService"],
            report_pb2_grpc.add_ReportServiceServicer_to_server,
            report_pb2_grpc.ReportServiceServicer(),
        ),
        Service(
            template_pb2.DESCRIPTOR.services_by_name["TemplateService"],
            template_pb2_grpc.add_TemplateServiceServicer_to_server,
            template_pb2_grpc.TemplateServiceServicer(),
        ),
    ]
    async with serve_in_process(*services, on_refusal=notes.noting(stores, utc_now)) as listening:
        yield listening


async def test_entries_are_listed_newest_first_as_they_were_made(stores: AuditStores) -> None:
    entries = [an_entry(action=action) for action in (Action.DENIED, Action.READ, Action.DENIED)]
    async with stores.write() as audit:
        for each in entries:
            await audit.add(each)
    async with stores.read() as audit:
        assert list(await audit.page(AuditFilter(), 9, None)) == entries[::-1]
        assert list(await audit.page(AuditFilter(), 1, entries[2].id)) == [entries[1]]
        assert list(await audit.page(AuditFilter(action=Action.READ), 9, None)) == [entries[1]]


async def test_entries_are_found_by_subject_by_what_was_named_and_by_time(stores: AuditStores) -> None:
    bob = an_entry(caller=replace(ADA, user_id="bob"))
    other = an_entry(resource="website_audit@2.0.0")
    later = an_entry(created_at=NOON + timedelta(hours=1))
    async with stores.write() as audit:
        for each in (bob, other, later):
            await audit.add(each)
    async with stores.read() as audit:
        assert list(await audit.page(AuditFilter(user_id="bob"), 9, None)) == [bob]
        assert list(await audit.page(AuditFilter(resource="website_audit@2.0.0"), 9, None)) == [other]
        assert list(await audit.page(AuditFilter(created_after=later.created_at), 9, None)) == [later]
        assert list(await audit.page(AuditFilter(created_before=later.created_at), 9, None)) == [other, bob]


async def test_what_breaks_leaves_no_entry(stores: AuditStores) -> None:
    with pytest.raises(PermissionDenied):
        async with stores.write() as audit:
            await audit.add(an_entry())
            raise PermissionDenied("broken off")
    async with stores.read() as audit:
        assert not await audit.page(AuditFilter(), 9, None)


def test_what_is_named_well_is_kept_and_nothing_else() -> None:
    assert resource("", REPORT.upper()) == REPORT
    assert resource("website_audit@2.0.0") == "website_audit@2.0.0"
    assert resource("ada@example.com", "\0", "'; DROP", "x" * 10_000, "") == ""


@pytest.mark.parametrize("statement", ["UPDATE report_audit SET reason = ''", "DELETE FROM report_audit"])
async def test_nobody_changes_or_removes_an_entry(
    report_database: TestDatabase, database: Database, statement: str
) -> None:
    entry = an_entry()
    async with UnitsOfWork(database, PostgresAuditStore).write() as audit:
        await audit.add(entry)
    owner = Database(report_database.owner_url, name="owner")
    for somebody in (database, owner):
        with pytest.raises(Exception, match=r"permission denied|not changed or removed"):
            async with somebody.write() as session:
                await session.execute(text(statement))
    with pytest.raises(Exception, match="not changed or removed"):
        async with owner.write() as session:
            await session.execute(text("TRUNCATE report_audit"))
    await owner.close()
    async with UnitsOfWork(database, PostgresAuditStore).read() as audit:
        assert list(await audit.page(AuditFilter(), 9, None)) == [entry]


async def test_a_denied_call_is_noted_with_who_asked_for_what(
    address: str, issuer: Issuer, stores: AuditStores
) -> None:
    def bearer(token: str) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {token}"), ("x-request-id", "request-0001")]

    async with grpc.aio.insecure_channel(address) as channel:
        reports = report_pb2_grpc.ReportServiceStub(channel)
        templates = template_pb2_grpc.TemplateServiceStub(channel)
        viewer = bearer(issuer.person("vera", "viewer"))
        mailer = bearer(issuer.workload("mailer"))
        one, version = {"id": REPORT}, {"id": "website_audit@2.0.0"}
        for method, request, metadata, is_denied in (
            (reports.CancelReport, report_pb2.CancelReportRequest(**one), viewer, True),
            (
                templates.DeleteTemplateVersion,
                template_pb2.DeleteTemplateVersionRequest(**version),
                mailer,
                True,
            ),
            # Nobody known, and somebody who may: neither is a denial.
            (reports.GetReport, report_pb2.GetReportRequest(**one), bearer("x"), False),
            (reports.GetReport, report_pb2.GetReportRequest(id="x"), viewer, False),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await method(request, metadata=metadata)
            assert (caught.value.code() is grpc.StatusCode.PERMISSION_DENIED) == is_denied
    async with stores.read() as audit:
        second, first = await audit.page(AuditFilter(), 9, None)
    assert (first.action, first.resource, first.reason) == (Action.DENIED, REPORT, "ACCESS_DENIED")
    assert first.caller.user_id == "vera"
    assert first.caller.roles == ("viewer",)
    assert first.caller.ip_address == "127.0.0.1"
    assert first.caller.user_agent.startswith("grpc-python")
    assert first.caller.method == "leadfactory.report.v1.ReportService/CancelReport"
    assert first.caller.request_id == "request-0001"
    assert (second.caller.user_id, second.caller.workload) == ("system:mailer", "mailer")
    assert second.resource == "website_audit@2.0.0"


async def test_over_rest_auditors_leaf_through_it_and_are_in_it_themselves(
    address: str, through_gateway: ThroughGateway
) -> None:
    async with through_gateway(address, "viewer") as vera, through_gateway(address, "auditor") as client:
        for _ in range(3):
            assert (await vera.post(f"/api/reports/{REPORT}:cancel", json={})).status_code == 403
        assert (await vera.get("/api/reports:audit")).status_code == 403
        asked = {"page_size": "2", "action": "DENIED"}
        page = (await client.get("/api/reports:audit", params=asked)).json()
        rest = (
            await client.get("/api/reports:audit", params={**asked, "page_token": page["next_page_token"]})
        ).json()
        entries = page["entries"] + rest["entries"]
        assert [each["resource"] for each in entries] == ["", REPORT, REPORT, REPORT]
        assert {each["user_id"] for each in entries} == {"ada"}
        assert entries[0]["roles"] == ["viewer"]
        assert rest["next_page_token"] == ""
        read = (await client.get("/api/reports:audit", params={"action": "READ"})).json()["entries"]
        assert [each["method"].partition("/")[2] for each in read] == ["ListReportAudit"] * 2
        assert read[0]["roles"] == ["auditor"]
        assert UUID(read[0]["id"]).version == 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"page_size": "-1"},
        {"page_token": "x"},
        {"action": "SOLD"},
        {"created_after": "yesterday"},
        {"user_id": "\0"},
        {"resource": "x" * 201},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    address: str, through_gateway: ThroughGateway, wrong: dict[str, str]
) -> None:
    async with through_gateway(address, "auditor") as client:
        assert (await client.get("/api/reports:audit", params=wrong)).status_code == 400
        token = {"page_token": "", "page_size": "1"}
        assert (await client.get("/api/reports:audit", params=token)).status_code == 200
