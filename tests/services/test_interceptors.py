"""Promise: every RPC is known, admitted, well formed, counted, and refused in one form."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from services import identity, interceptors, rpc
from services.errors import NotFound, PermissionDenied, ServiceError
from services.rpc import Method, Rpc
from services.server import Service
from services.settings import ROLES
from services.status import from_rpc_error
from tests.fixtures.identity import Issuer
from tests.fixtures.rpc import ServeInProcess

LEAD = lead_pb2.DESCRIPTOR.services_by_name["LeadService"]
REPORT = report_pb2.DESCRIPTOR.services_by_name["ReportService"]
LINEAGE = lineage_pb2.DESCRIPTOR.services_by_name["LineageService"]
ID = "0190a0f0-0000-7000-8000-000000000000"


class Leads(lead_pb2_grpc.LeadServiceServicer):
    """Tells who called, or fails as it is asked to."""

    async def GetLead(self, request: lead_pb2.GetLeadRequest, context: Any) -> lead_pb2.Lead:
        actor, call = identity.current_actor(), identity.current_call()
        assert call is not None
        facts = [actor.subject, actor.workload, actor.ip, actor.user_agent, call.request_id, call.method]
        return lead_pb2.Lead(id=request.id, name=json.dumps(facts))

    async def CreateLead(self, request: lead_pb2.CreateLeadRequest, context: Any) -> lead_pb2.Lead:
        if request.name == "missing":
            raise NotFound("lead", "42")
        if request.name == "slow":
            await asyncio.sleep(30)
        raise RuntimeError("the password is hunter2")


class Reports(report_pb2_grpc.ReportServiceServicer):
    """Streams three chunks, or fails after the first."""

    async def DownloadReport(self, request: Any, context: Any) -> AsyncIterator[HttpBody]:
        for number in range(3):
            if request.id != ID and number == 1:
                raise NotFound("report", request.id)
            yield HttpBody(data=f"{number}{identity.current_actor().subject}".encode())


class Lineages(lineage_pb2_grpc.LineageServiceServicer):
    """Counts what arrives."""

    async def RecordLineage(self, requests: AsyncIterator[Any], context: Any) -> lineage_pb2.Lineage:
        return lineage_pb2.Lineage(access_count=len([each async for each in requests]))


@pytest.fixture
async def channel(serve_in_process: ServeInProcess) -> AsyncIterator[grpc.aio.Channel]:
    services = [
        Service(LEAD, lead_pb2_grpc.add_LeadServiceServicer_to_server, Leads()),
        Service(REPORT, report_pb2_grpc.add_ReportServiceServicer_to_server, Reports()),
        Service(LINEAGE, lineage_pb2_grpc.add_LineageServiceServicer_to_server, Lineages()),
    ]
    async with serve_in_process(*services) as address, grpc.aio.insecure_channel(address) as opened:
        yield opened


async def failure(call: Any) -> ServiceError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


def bearer(token: str, **more: str) -> list[tuple[str, str]]:
    return [
        ("authorization", f"Bearer {token}"),
        *((key.replace("_", "-"), value) for key, value in more.items()),
    ]


async def who(channel: grpc.aio.Channel, metadata: list[tuple[str, str]]) -> list[str]:
    lead = await lead_pb2_grpc.LeadServiceStub(channel).GetLead(
        lead_pb2.GetLeadRequest(id=ID), metadata=metadata
    )
    told: list[str] = json.loads(lead.name)
    return told


async def test_a_call_without_a_token_is_told_to_bring_one(channel: grpc.aio.Channel) -> None:
    told = await failure(lead_pb2_grpc.LeadServiceStub(channel).GetLead(lead_pb2.GetLeadRequest(id=ID)))
    assert (told.code, told.reason) == ("UNAUTHENTICATED", "TOKEN_MISSING")


async def test_the_handler_knows_the_person_the_method_and_the_request(
    channel: grpc.aio.Channel, issuer: Issuer
) -> None:
    told = await who(channel, bearer(issuer.person("ada", "viewer"), x_request_id="request-0001"))
    assert told[0] == "ada"
    assert told[2] in {"127.0.0.1", "::1"}
    assert told[4:] == ["request-0001", "leadfactory.lead.v1.LeadService/GetLead"]


async def test_an_address_is_believed_from_the_gateway_and_from_nobody_else(
    channel: grpc.aio.Channel, issuer: Issuer
) -> None:
    claims = {"x_leadfactory_client_ip": "203.0.113.7", "x_leadfactory_client_user_agent": "lynx"}
    person = issuer.person("ada", "viewer")
    through = await who(channel, bearer(person, x_leadfactory_peer=issuer.workload("gateway"), **claims))
    assert through[2:4] == ["203.0.113.7", "lynx"]
    for peer in ({}, {"x_leadfactory_peer": issuer.workload("report")}):
        told = await who(channel, bearer(person, **peer, **claims))
        assert told[2] != "203.0.113.7"
        assert told[3] != "lynx"


async def test_a_process_may_act_for_a_person_and_a_person_for_nobody(
    channel: grpc.aio.Channel, issuer: Issuer
) -> None:
    behalf = {"x_leadfactory_on_behalf_of": "bob"}
    assert (await who(channel, bearer(issuer.workload("report-worker"), **behalf)))[:2] == [
        "bob",
        "report-worker",
    ]
    assert (await who(channel, bearer(issuer.person("ada", "viewer"), **behalf)))[:2] == ["ada", None]


async def test_a_process_that_the_method_does_not_name_is_denied(
    channel: grpc.aio.Channel, issuer: Issuer
) -> None:
    call = lead_pb2_grpc.LeadServiceStub(channel).GetLead(
        lead_pb2.GetLeadRequest(id=ID), metadata=bearer(issuer.workload("lineage"))
    )
    assert (await failure(call)).code == "PERMISSION_DENIED"


@pytest.mark.parametrize("roles", [(), ("viewer",), ("auditor",), ("emperor",)])
async def test_a_role_that_the_method_does_not_name_is_denied(
    roles: tuple[str, ...], channel: grpc.aio.Channel, issuer: Issuer
) -> None:
    call = lead_pb2_grpc.LeadServiceStub(channel).CreateLead(
        lead_pb2.CreateLeadRequest(email="a@b.test"), metadata=bearer(issuer.person("ada", *roles))
    )
    assert (await failure(call)).code == "PERMISSION_DENIED"


async def test_a_stranger_learns_nothing_about_what_is_wrong_with_the_request(
    channel: grpc.aio.Channel, issuer: Issuer
) -> None:
    call = lead_pb2_grpc.LeadServiceStub(channel).CreateLead(
        lead_pb2.CreateLeadRequest(), metadata=bearer(issuer.person("ada", "viewer"))
    )
    assert (await failure(call)).violations == ()


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x01\xff"])
async def test_bytes_that_are_no_message_are_an_invalid_argument(
    data: bytes, channel: grpc.aio.Channel, issuer: Issuer
) -> None:
    call = channel.unary_unary("/leadfactory.lead.v1.LeadService/GetLead")
    told = await failure(call(data, metadata=bearer(issuer.person("ada", "viewer"))))
    assert (told.code, told.violations[0].reason) == ("INVALID_ARGUMENT", "UNDECODABLE")
    assert (await failure(call(data))).code == "UNAUTHENTICATED"


async def test_every_wrong_field_is_named_at_once(channel: grpc.aio.Channel, issuer: Issuer) -> None:
    call = lead_pb2_grpc.LeadServiceStub(channel).CreateLead(
        lead_pb2.CreateLeadRequest(domain="d\0" * 200, name="x" * 1_000_000),
        metadata=bearer(issuer.person("ada", "operator")),
    )
    told = await failure(call)
    assert told.code == "INVALID_ARGUMENT"
    assert {each.field for each in told.violations} == {"email", "domain", "name"}
    assert "NUL_CHARACTER" in {each.reason for each in told.violations}


async def test_a_failure_keeps_its_meaning_and_an_unforeseen_one_keeps_its_secret(
    channel: grpc.aio.Channel, issuer: Issuer
) -> None:
    stub = lead_pb2_grpc.LeadServiceStub(channel)
    metadata = bearer(issuer.person("ada", "operator"))
    told = await failure(
        stub.CreateLead(lead_pb2.CreateLeadRequest(email="a@b.test", name="missing"), metadata=metadata)
    )
    assert (told.code, told.metadata["resource"]) == ("NOT_FOUND", "lead")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.CreateLead(lead_pb2.CreateLeadRequest(email="a@b.test"), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in str(caught.value)


async def test_a_deadline_ends_the_call(channel: grpc.aio.Channel, issuer: Issuer) -> None:
    call = lead_pb2_grpc.LeadServiceStub(channel).CreateLead(
        lead_pb2.CreateLeadRequest(email="a@b.test", name="slow"),
        metadata=bearer(issuer.person("ada", "operator")),
        timeout=0.3,
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_stream_is_served_and_refused_by_the_same_rules(
    channel: grpc.aio.Channel, issuer: Issuer
) -> None:
    stub = report_pb2_grpc.ReportServiceStub(channel)
    metadata = bearer(issuer.person("ada", "viewer"))
    request = report_pb2.DownloadReportRequest(id=ID)
    assert [each.data async for each in stub.DownloadReport(request, metadata=metadata)] == [
        b"0ada",
        b"1ada",
        b"2ada",
    ]

    async def drain(request: Any, metadata: Any) -> None:
        async for _ in stub.DownloadReport(request, metadata=metadata):
            pass

    other = report_pb2.DownloadReportRequest(id=ID.replace("a", "b"))
    assert (await failure(drain(other, metadata))).code == "NOT_FOUND"
    assert (await failure(drain(request, []))).code == "UNAUTHENTICATED"
    assert (
        await failure(drain(report_pb2.DownloadReportRequest(id="x"), metadata))
    ).code == "INVALID_ARGUMENT"


async def test_every_message_of_a_client_stream_is_checked(channel: grpc.aio.Channel, issuer: Issuer) -> None:
    stub = lineage_pb2_grpc.LineageServiceStub(channel)
    metadata = bearer(issuer.workload("report-worker"))
    good, bad = lineage_pb2.RecordLineageRequest(logs=b"x"), lineage_pb2.RecordLineageRequest()

    def stream(*messages: Any) -> Any:
        return stub.RecordLineage(iter(messages), metadata=metadata)

    assert (await stream(good, good, good)).access_count == 3
    assert (await failure(stream(good, good, bad))).code == "INVALID_ARGUMENT"
    assert (
        await failure(stub.RecordLineage(iter([good]), metadata=bearer(issuer.person("root", "admin"))))
    ).code == ("PERMISSION_DENIED")


@pytest.mark.parametrize(
    "actor", [identity.Actor("root", ROLES), identity.Actor("system:gateway", workload="gateway")]
)
async def test_a_method_without_an_access_option_is_closed_to_everybody(
    actor: identity.Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The health service's methods have no option; here it is not open either.
    monkeypatch.setattr(rpc, "OPEN_SERVICES", frozenset())
    unruled = Method("grpc.health.v1.Health/Check", streams_in=False, streams_out=False)

    async def rest(_: Rpc) -> None:
        pytest.fail("somebody was let in")

    with identity.acting_as(actor), pytest.raises(PermissionDenied):
        await interceptors.access(unruled, rest)(Rpc(context=None, metadata={}, request=None))  # type: ignore[arg-type]


def test_every_method_of_ours_says_who_may_call_it() -> None:
    for service in (LEAD, REPORT, LINEAGE):
        for method in service.methods:
            roles, workloads = interceptors._admitted(f"{service.full_name}/{method.name}")
            assert roles or workloads, method.full_name


async def test_refusals_of_somebody_known_are_handed_on_as_theirs(
    serve_in_process: ServeInProcess, issuer: Issuer
) -> None:
    noted: list[tuple[str, interceptors.Refusal]] = []

    async def note(refusal: interceptors.Refusal) -> None:
        noted.append((identity.current_actor().subject, refusal))

    leads = Service(LEAD, lead_pb2_grpc.add_LeadServiceServicer_to_server, Leads())
    ada = bearer(issuer.person("ada", "operator"))
    async with (
        serve_in_process(leads, on_refusal=note) as address,
        grpc.aio.insecure_channel(address) as opened,
    ):
        stub = lead_pb2_grpc.LeadServiceStub(opened)
        await stub.GetLead(lead_pb2.GetLeadRequest(id=ID), metadata=ada)
        await failure(stub.GetLead(lead_pb2.GetLeadRequest(id=ID)))
        missing = lead_pb2.CreateLeadRequest(email="a@b.example", name="missing")
        await failure(stub.GetLead(lead_pb2.GetLeadRequest(id=ID), metadata=bearer(issuer.person("bob"))))
        await failure(stub.GetLead(lead_pb2.GetLeadRequest(id="x"), metadata=ada))
        await failure(stub.CreateLead(missing, metadata=ada))
        await failure(stub.CreateLead(lead_pb2.CreateLeadRequest(email="a@b.example"), metadata=ada))
    assert [(who, each.method.partition("/")[2], each.code) for who, each in noted] == [
        ("bob", "GetLead", "PERMISSION_DENIED"),
        ("ada", "GetLead", "INVALID_ARGUMENT"),
        ("ada", "CreateLead", "NOT_FOUND"),
        ("ada", "CreateLead", "INTERNAL"),
    ]
    assert noted[0][1].request == lead_pb2.GetLeadRequest(id=ID)
    assert noted[0][1].reason == "ACCESS_DENIED"


@pytest.mark.parametrize("seconds", [0, 60])
async def test_a_refusal_that_cannot_be_noted_is_answered_all_the_same(
    serve_in_process: ServeInProcess, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    monkeypatch.setattr(interceptors, "NOTING_SECONDS", 0.05)

    async def note(_: interceptors.Refusal) -> None:
        await asyncio.sleep(seconds)
        raise RuntimeError("broken")

    leads = Service(LEAD, lead_pb2_grpc.add_LeadServiceServicer_to_server, Leads())
    async with (
        serve_in_process(leads, on_refusal=note) as address,
        grpc.aio.insecure_channel(address) as opened,
    ):
        call = lead_pb2_grpc.LeadServiceStub(opened).GetLead(
            lead_pb2.GetLeadRequest(id=ID), metadata=bearer(issuer.person("bob")), timeout=10
        )
        assert (await failure(call)).code == "PERMISSION_DENIED"
