"""Promise: what other services answer is understood, each failure by whose fault it is.

The lineage service here is the real one, or one that misbehaves on purpose; both behind real gRPC.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest

from lineage_service.domain import Limits
from lineage_service.memory import MemoryLineageStores
from lineage_service.servicer import LineageServicer
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from report_service.deliveries import Delivery, Fault, Undelivered
from report_service.peers import CHUNK_BYTES, LeadPeer, LineagePeer, messages
from report_service.relay import ACTOR
from services import identity
from services.channels import open_channel
from services.clock import utc_now
from services.errors import NotFound, Unavailable
from services.ids import uuid7
from services.server import Service
from services.settings import ServiceSettings
from tests.fixtures.identity import Issuer
from tests.fixtures.rpc import ServeInProcess
from tests.report_service.builders import a_capture, a_report
from tests.report_service.stubs import a_lead

Record = Callable[[Any, Any], Awaitable[Any]]
LINEAGE = lineage_pb2.DESCRIPTOR.services_by_name["LineageService"]
LEAD = lead_pb2.DESCRIPTOR.services_by_name["LeadService"]


def a_delivery(inputs: bytes = b'{"format":1}') -> Delivery:
    report = a_report()
    return Delivery(
        report_id=report.id,
        lineage_id=report.lineage_id,
        lead_id=report.lead_id,
        pipeline_run_id=report.pipeline_run_id,
        template_version_id=report.template_version_id,
        template_digest=report.template_digest,
        pdf_sha256="ef" * 32,
        created_by=report.created_by,
        capture=a_capture(inputs),
        attempt=1,
    )


class Misbehaving(lineage_pb2_grpc.LineageServiceServicer):
    """Answers RecordLineage in whatever way a test wants."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def RecordLineage(self, request_iterator: Any, context: Any) -> Any:
        return await self._record(request_iterator, context)


@pytest.fixture
def call_lineage(serve_in_process: ServeInProcess, issuer: Issuer) -> Any:
    """Return a context manager that serves a servicer and gives the peer that calls it."""

    @asynccontextmanager
    async def serve(servicer: Any) -> AsyncIterator[LineagePeer]:
        service = Service(LINEAGE, lineage_pb2_grpc.add_LineageServiceServicer_to_server, servicer)
        async with serve_in_process(service) as address:
            channel = open_channel(address, ServiceSettings(**issuer.settings("report-worker")))
            with identity.acting_as(ACTOR):
                yield LineagePeer(channel)
            await channel.close()

    return serve


def real(stores: MemoryLineageStores) -> LineageServicer:
    return LineageServicer(stores, limits=Limits(), clock=utc_now)


async def test_the_real_service_records_what_is_handed_over(call_lineage: Any) -> None:
    stores, delivery = MemoryLineageStores(), a_delivery(b"{}" * 500)
    async with call_lineage(real(stores)) as lineages:
        await lineages.record(delivery, 5)
        await lineages.record(delivery, 5)
    (kept,) = stores.kept.lineages.values()
    assert kept.facts.lineage_id == delivery.lineage_id
    assert kept.facts.report_id == delivery.report_id
    assert kept.facts.created_by == "ada"


async def test_a_failed_generation_is_recorded_without_a_pdf(call_lineage: Any) -> None:
    stores, delivery = MemoryLineageStores(), replace(a_delivery(), pdf_sha256=None)
    async with call_lineage(real(stores)) as lineages:
        await lineages.record(delivery, 5)
        await lineages.record(delivery, 5)
    (kept,) = stores.kept.lineages.values()
    assert kept.facts.report_id == delivery.report_id
    assert kept.facts.pdf_sha256 == b""


async def test_forty_megabytes_in_many_parts_arrive_whole(call_lineage: Any) -> None:
    stores = MemoryLineageStores()
    delivery = a_delivery(random.Random(3).randbytes(40 * 1024 * 1024))
    assert len(delivery.capture.parts) > 20
    async with call_lineage(real(stores)) as lineages:
        await lineages.record(delivery, 45)
    (kept,) = stores.kept.lineages.values()
    assert len(kept.facts.parts) == len(delivery.capture.parts)


async def test_other_facts_about_a_recorded_report_can_never_be_delivered(call_lineage: Any) -> None:
    first = a_delivery()
    async with call_lineage(real(MemoryLineageStores())) as lineages:
        await lineages.record(first, 5)
        with pytest.raises(Undelivered) as caught:
            await lineages.record(replace(first, pdf_sha256="aa" * 32), 5)
    assert caught.value.fault is Fault.FINAL


async def test_a_capture_with_a_wrong_digest_can_never_be_delivered(call_lineage: Any) -> None:
    delivery = a_delivery()
    wrong = replace(delivery, capture=replace(delivery.capture, inputs_sha256="aa" * 32))
    async with call_lineage(real(MemoryLineageStores())) as lineages:
        with pytest.raises(Undelivered) as caught:
            await lineages.record(wrong, 5)
    assert caught.value.fault is Fault.FINAL


FINAL = {"INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE"}
SERVICE = {
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "UNIMPLEMENTED",
}


@pytest.mark.parametrize("reads_first", [True, False])
@pytest.mark.parametrize("code", [each for each in grpc.StatusCode if each is not grpc.StatusCode.OK])
async def test_every_code_is_somebodys_fault(
    call_lineage: Any, code: grpc.StatusCode, reads_first: bool
) -> None:
    async def refuse(requests: Any, context: Any) -> Any:
        if reads_first:
            async for _ in requests:
                pass
        await context.abort(code, "as told")

    async with call_lineage(Misbehaving(refuse)) as lineages:
        for _ in range(10):
            with pytest.raises(Undelivered) as caught:
                await lineages.record(a_delivery(random.Random(4).randbytes(3_000_000)), 5)
            if "Internal error from Core" not in caught.value.reason:
                break
            # gRPC may lose an answer that comes while it is still sending. Then the delivery is made again.
            assert caught.value.fault is Fault.PASSING
    expected = Fault.FINAL if code.name in FINAL else Fault.SERVICE if code.name in SERVICE else Fault.PASSING
    assert caught.value.fault is expected
    assert code.name in caught.value.reason


async def test_a_service_that_hangs_is_left_at_the_deadline(call_lineage: Any) -> None:
    async def hang(requests: Any, context: Any) -> Any:
        await asyncio.sleep(30)

    async with call_lineage(Misbehaving(hang)) as lineages:
        with pytest.raises(Undelivered) as caught:
            await lineages.record(a_delivery(), 0.2)
    assert caught.value.fault is Fault.SERVICE


async def test_a_service_that_is_not_there_is_out(issuer: Issuer) -> None:
    channel = open_channel("127.0.0.1:1", ServiceSettings(**issuer.settings("report-worker")))
    with identity.acting_as(ACTOR), pytest.raises(Undelivered) as caught:
        await LineagePeer(channel).record(a_delivery(), 2)
    assert caught.value.fault is Fault.SERVICE
    await channel.close()


async def test_a_process_that_may_not_record_is_told_so(
    serve_in_process: ServeInProcess, issuer: Issuer
) -> None:
    service = Service(
        LINEAGE,
        lineage_pb2_grpc.add_LineageServiceServicer_to_server,
        real(MemoryLineageStores()),
    )
    async with serve_in_process(service) as address:
        channel = open_channel(address, ServiceSettings(**issuer.settings("report")))
        with pytest.raises(Undelivered, match="PERMISSION_DENIED"):
            await LineagePeer(channel).record(a_delivery(), 5)
        await channel.close()


def test_no_message_is_larger_than_agreed() -> None:
    delivery = a_delivery(random.Random(5).randbytes(1_000_000))
    header, *pieces = messages(delivery)
    assert header.WhichOneof("message") == "header"
    assert all(len(each.raw_inputs) <= CHUNK_BYTES for each in pieces)
    assert b"".join(each.raw_inputs for each in pieces) == delivery.capture.raw_inputs
    assert b"".join(each.logs for each in pieces) == delivery.capture.logs
    kinds = [each.WhichOneof("message") for each in pieces]
    assert kinds == sorted(kinds, reverse=True), "the log comes after all raw inputs"


class Leads(lead_pb2_grpc.LeadServiceServicer):
    """A lead service that notes who asks."""

    def __init__(self) -> None:
        self.actors: list[identity.Actor] = []

    async def GetLead(self, request: Any, context: Any) -> Any:
        self.actors.append(identity.current_actor())
        if request.id.startswith("0000"):
            raise NotFound("lead", request.id)
        return a_lead(request.id)


async def test_a_lead_is_read_as_its_json_with_every_field(
    serve_in_process: ServeInProcess, issuer: Issuer
) -> None:
    servicer, lead_id = Leads(), uuid7()
    service = Service(LEAD, lead_pb2_grpc.add_LeadServiceServicer_to_server, servicer)
    async with serve_in_process(service) as address:
        channel = open_channel(address, ServiceSettings(**issuer.settings("report-worker")))
        leads = LeadPeer(channel)
        with identity.acting_as(identity.Actor("ada", workload="report-worker")):
            lead = await leads.get(lead_id)
            with pytest.raises(NotFound):
                await leads.get(type(lead_id)(int=7))
        await channel.close()
    assert servicer.actors[0].subject == "ada"
    assert servicer.actors[0].workload == "report-worker"
    assert lead["id"] == str(lead_id)
    assert lead["name"] == ""
    assert lead["enrichment_status"] == "COMPLETED"
    assert lead["facts"][1]["state"] == "UNREACHABLE"
    assert lead["facts"][0]["observed_at"] == "2026-11-21T07:58:01Z"


async def test_an_absent_lead_service_is_unavailable(issuer: Issuer) -> None:
    channel = open_channel("127.0.0.1:1", ServiceSettings(**issuer.settings("report-worker")))
    with identity.acting_as(ACTOR), pytest.raises(Unavailable):
        await LeadPeer(channel).get(uuid7())
    await channel.close()
