"""Promise: a call to another service carries who asks and until when, and fails as that service did."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from services import errors, identity
from services.channels import WorkloadToken, open_channel
from services.identity import Actor, Call
from services.server import Service
from services.settings import ServiceSettings
from tests.fixtures.identity import Issuer
from tests.fixtures.rpc import ServeInProcess

ID = "0190a0f0-0000-7000-8000-000000000000"
ENDLESS = "0190a0f0-0000-7000-8000-00000000000e"


class Leads(lead_pb2_grpc.LeadServiceServicer):
    """Tells who called and how much time is left, or hangs until the caller has gone."""

    def __init__(self) -> None:
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def GetLead(self, request: lead_pb2.GetLeadRequest, context: Any) -> lead_pb2.Lead:
        if request.id == ENDLESS:
            self.asked.set()
            try:
                await asyncio.sleep(60)
            finally:
                self.left.set()
        if request.id != ID:
            raise errors.NotFound("lead", request.id)
        actor, call = identity.current_actor(), identity.current_call()
        assert call is not None
        told = [actor.subject, actor.workload, call.request_id, context.time_remaining()]
        return lead_pb2.Lead(name=json.dumps(told))


@pytest.fixture
def leads() -> Leads:
    return Leads()


@pytest.fixture
async def stub(serve_in_process: ServeInProcess, issuer: Issuer, leads: Leads) -> AsyncIterator[Any]:
    service = Service(
        lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
        lead_pb2_grpc.add_LeadServiceServicer_to_server,
        leads,
    )
    async with serve_in_process(service) as address:
        channel = open_channel(address, ServiceSettings(**issuer.settings("report-worker")))
        yield lead_pb2_grpc.LeadServiceStub(channel)
        await channel.close()


async def ask(stub: Any, **options: Any) -> list[Any]:
    lead = await stub.GetLead(lead_pb2.GetLeadRequest(id=ID), **options)
    told: list[Any] = json.loads(lead.name)
    return told


async def test_inside_an_rpc_the_callers_token_is_forwarded(stub: Any, issuer: Issuer) -> None:
    with identity.serving(Call("x/Y", "request-0001", bearer=issuer.person("ada", "viewer"))):
        subject, workload, request_id, _ = await ask(stub)
    assert (subject, workload, request_id) == ("ada", None, "request-0001")


async def test_a_worker_calls_as_itself_and_names_the_person_it_works_for(stub: Any) -> None:
    with identity.acting_as(Actor("bob", workload="report-worker")):
        assert (await ask(stub))[:2] == ["bob", "report-worker"]
    with identity.acting_as(Actor("system:report-worker", workload="report-worker")):
        assert (await ask(stub))[:2] == ["system:report-worker", "report-worker"]
    for subject in ("jürgen müller", "100%25", "ada|lovelace@example.org"):
        with identity.acting_as(Actor(subject, workload="report-worker")):
            assert (await ask(stub))[:2] == [subject, "report-worker"]


async def test_a_call_never_gets_more_time_than_its_caller_has(stub: Any, issuer: Issuer) -> None:
    bearer = issuer.person("ada", "viewer")
    with identity.serving(Call("x/Y", "request-0001", bearer=bearer, deadline=time.monotonic() + 1)):
        # gRPC rounds deadlines up by some milliseconds on the wire.
        assert (await ask(stub))[3] <= 1.1
        assert (await ask(stub, timeout=60))[3] <= 1.1
        assert (await ask(stub, timeout=0.5))[3] <= 0.6
    assert (await ask(stub))[3] <= 5.1


async def test_a_caller_without_time_is_told_so_before_anything_is_sent(stub: Any) -> None:
    with (
        identity.serving(Call("x/Y", "request-0001", deadline=time.monotonic())),
        pytest.raises(errors.DeadlineExceeded),
    ):
        await ask(stub)


async def test_a_failure_arrives_as_it_was_raised(stub: Any) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await stub.GetLead(lead_pb2.GetLeadRequest(id=ID.replace("a", "b")))
    assert caught.value.metadata["resource"] == "lead"


async def test_a_service_that_is_not_there_is_unavailable(issuer: Issuer) -> None:
    channel = open_channel("127.0.0.1:1", ServiceSettings(**issuer.settings("report-worker")))
    with pytest.raises(errors.Unavailable):
        await lead_pb2_grpc.LeadServiceStub(channel).GetLead(lead_pb2.GetLeadRequest(id=ID), timeout=1)
    await channel.close()


async def test_a_call_that_is_cancelled_is_cancelled_at_the_other_end_too(stub: Any, leads: Leads) -> None:
    async def call() -> None:
        await stub.GetLead(lead_pb2.GetLeadRequest(id=ENDLESS))

    task = asyncio.create_task(call())
    await asyncio.wait_for(leads.asked.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(leads.left.wait(), 5)


def test_a_process_reads_its_token_again_when_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    token = WorkloadToken(file)
    assert token.current() == "one"
    file.write_text("two\n")
    assert token.current() == "two"
    assert WorkloadToken(None).current() == ""


async def test_stream_failures_are_rebuilt_too(serve_in_process: ServeInProcess, issuer: Issuer) -> None:
    class Reports(report_pb2_grpc.ReportServiceServicer):
        async def DownloadReport(self, request: Any, context: Any) -> AsyncIterator[Any]:
            raise errors.FailedPrecondition("Not yet.")
            yield

    service = Service(
        report_pb2.DESCRIPTOR.services_by_name["ReportService"],
        report_pb2_grpc.add_ReportServiceServicer_to_server,
        Reports(),
    )
    async with serve_in_process(service) as address:
        channel: grpc.aio.Channel = open_channel(address, ServiceSettings(**issuer.settings("report-worker")))
        call = Call("x/Y", "request-0001", bearer=issuer.person("ada", "viewer"))
        with identity.serving(call), pytest.raises(errors.FailedPrecondition):
            async for _ in report_pb2_grpc.ReportServiceStub(channel).DownloadReport(
                report_pb2.DownloadReportRequest(id=ID)
            ):
                pass
        await channel.close()
