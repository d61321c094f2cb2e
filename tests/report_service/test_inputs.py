"""Promise: the inputs of a past report come from lineage whole, and its audit sees who asked."""

import gzip
import zlib
from collections.abc import AsyncIterator
from uuid import UUID

import grpc
import pytest

from lineage_service.domain import Action, Limits
from lineage_service.memory import MemoryLineageStores
from lineage_service.servicer import LineageServicer
from protos.leadfactory.lineage.v1 import lineage_pb2_grpc
from protos.leadfactory.report.v1 import template_pb2 as pb
from protos.leadfactory.report.v1 import template_pb2_grpc
from report_service import payload
from report_service.inputs import CapturedInputs
from report_service.library.memory import MemoryTemplateStores
from report_service.library.servicer import TemplateServicer
from report_service.library.shelf import Shelf
from report_service.library.versions import Library
from report_service.memory import Memory
from report_service.peers import LineagePeer
from report_service.relay import ACTOR
from report_service.rendering.bundles import Bundle
from report_service.rendering.pool import PdfIdentity, Picture, Rendering
from services import identity
from services.channels import open_channel
from services.clock import utc_now
from services.errors import DataLoss, FieldViolation, ResourceExhausted
from services.ids import uuid7
from services.server import Service
from services.settings import ServiceSettings
from tests.fixtures.identity import Issuer
from tests.fixtures.rpc import ServeInProcess
from tests.report_service.builders import a_capture, a_report
from tests.report_service.stubs import Objects
from tests.report_service.test_peers import LINEAGE, a_delivery

INPUTS = payload.canonical({"lead": {"name": "Ada"}, "locale": "en", "render_time": "2026-11-21T08:00:00Z"})


class Mirror:
    """Returns the inputs where a render process would make a PDF of them."""

    async def render(self, bundle: Bundle, inputs: bytes, identity: PdfIdentity) -> Rendering:
        return Rendering(inputs, identity.inputs_sha256, 1, 0, ())

    async def picture(
        self, bundle: Bundle, inputs: bytes, identity: PdfIdentity, page: int, width: int
    ) -> Picture:
        raise NotImplementedError

    async def inspect(self, bundle: Bundle) -> list[FieldViolation]:
        raise NotImplementedError


class World:
    """Both services, and one report whose inputs were recorded."""

    def __init__(self, stub: template_pb2_grpc.TemplateServiceStub, issuer: Issuer) -> None:
        self.stub, self.issuer = stub, issuer
        self.lineages, self.memory = MemoryLineageStores(), Memory()

    def keep_report(self, lineage_id: UUID) -> UUID:
        report = a_report(lineage_id=lineage_id)
        self.memory.reports[report.id] = report
        return report.id

    async def preview(self, report_id: UUID, role: str = "operator") -> bytes:
        request = pb.PreviewTemplateVersionRequest(id="website_audit@2.0.0", report_id=str(report_id))
        token = self.issuer.person("ada", role)
        call = self.stub.PreviewTemplateVersion(request, metadata=[("authorization", f"Bearer {token}")])
        return b"".join([body.data async for body in call])


@pytest.fixture
async def world(serve_in_process: ServeInProcess, issuer: Issuer) -> AsyncIterator[World]:
    stores = MemoryTemplateStores()
    shelf = Shelf(stores, Objects())
    made = World(None, issuer)  # type: ignore[arg-type]  # the stub comes with the address
    lineage = LineageServicer(made.lineages, limits=Limits(), clock=utc_now)
    recorder = Service(LINEAGE, lineage_pb2_grpc.add_LineageServiceServicer_to_server, lineage)
    async with serve_in_process(recorder) as lineage_address:
        channel = open_channel(lineage_address, ServiceSettings(**issuer.settings("report")))
        past = CapturedInputs(made.memory.reports_stores(), LineagePeer(channel))
        service = Service(
            pb.DESCRIPTOR.services_by_name["TemplateService"],
            template_pb2_grpc.add_TemplateServiceServicer_to_server,
            TemplateServicer(Library(stores, Objects(), shelf, utc_now), Mirror(), past),
        )
        async with serve_in_process(service) as address, grpc.aio.insecure_channel(address) as outside:
            made.stub = template_pb2_grpc.TemplateServiceStub(outside)
            worker = open_channel(lineage_address, ServiceSettings(**issuer.settings("report-worker")))
            with identity.acting_as(ACTOR):
                await LineagePeer(worker).record(a_delivery(INPUTS), 5)
            await worker.close()
            yield made
        await channel.close()
    shelf.close()


async def test_a_preview_is_made_of_what_was_captured(world: World) -> None:
    (kept,) = world.lineages.kept.lineages.values()
    assert await world.preview(world.keep_report(kept.facts.lineage_id)) == INPUTS
    recorded, read = world.lineages.kept.noted
    assert (recorded.action, read.action) == (Action.RECORD, Action.DOWNLOAD)
    assert read.reader.subject == "ada"


@pytest.mark.parametrize("known", [True, False])
async def test_a_report_without_recorded_inputs_is_not_found(world: World, known: bool) -> None:
    report_id = world.keep_report(uuid7()) if known else uuid7()
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await world.preview(report_id)
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND
    assert str(report_id) in (failure.value.details() or "")


async def test_who_may_not_open_raw_inputs_sees_no_preview_of_them(world: World) -> None:
    (kept,) = world.lineages.kept.lineages.values()
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await world.preview(world.keep_report(kept.facts.lineage_id), "viewer")
    assert failure.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_many_members_are_unpacked_into_one() -> None:
    capture = a_capture(b"0123456789" * 5000, limit=150)
    assert len(capture.parts) > 1
    assert payload.expand(capture.raw_inputs, 50_000) == b"0123456789" * 5000
    assert payload.expand(b"", 10) == b""


def test_a_bomb_is_not_unpacked_and_damage_is_told() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(ResourceExhausted):
        payload.expand(bomb, 1_000_000)
    with pytest.raises(DataLoss):
        payload.expand(bomb[:-5], 100_000_000)
    with pytest.raises(DataLoss):
        payload.expand(zlib.compress(b"no gzip"), 100)
