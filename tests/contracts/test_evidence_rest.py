"""Promise: a report's evidence, from HTTP through the report and the lineage service, is what it proves."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from gateway import app, backends, contract
from gateway.settings import GatewaySettings
from lineage_service import refusals, retention
from lineage_service.audit_log import LOG
from lineage_service.domain import Limits as LineageLimits
from lineage_service.repository import PostgresLineageStore
from lineage_service.servicer import LineageServicer
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from report_service.domain import LineageStatus, Pdf, Report, Status
from report_service.memory import Memory
from report_service.peers import LineagePeer
from report_service.redaction import Redaction
from report_service.servicer import Limits, ReportServicer
from services.channels import open_channel
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.evidence import __main__ as command
from services.evidence.notes import Signer
from services.evidence.stores import LogStores
from services.ids import uuid7
from services.server import Service
from services.settings import ServiceSettings
from tests.fixtures.evidence import PRIVATE_KEY, seal, sealing, sequencing
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.lineage_service.builders import ADA, INPUTS, Sent, a_report, digest
from tests.lineage_service.conftest import recording
from tests.report_service import builders
from tests.report_service.stubs import Leads, Objects

PDF = b"%PDF-1.7 " + bytes(300_000)
SIGNER = Signer("example.com/lineage", PRIVATE_KEY)


@dataclass
class House:
    """The gateway over both services."""

    client: httpx.AsyncClient
    issuer: Issuer
    database: TestDatabase
    lineages: UnitsOfWork[PostgresLineageStore]
    reports: Memory
    objects: Objects
    lineage_address: str

    async def issue(self) -> tuple[Report, Sent]:
        """Have a report made, and its lineage recorded."""
        sent = a_report(pdf_sha256=digest(PDF))
        await recording(self.lineage_address, self.issuer)(sent)
        facts = sent.facts
        report = builders.a_report(
            id=facts.report_id,
            lineage_id=facts.lineage_id,
            status=Status.COMPLETED,
            lineage_status=LineageStatus.RECORDED,
            render_time=facts.ended_at,
            pdf=Pdf(facts.pdf_sha256.hex(), len(PDF), 2, f"sha256/{facts.pdf_sha256.hex()}"),
        )
        await self.objects.put(PDF, facts.pdf_sha256.hex())
        self.reports.reports[report.id] = report
        return report, sent

    async def get(self, path: str, role: str = "auditor", **parameters: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.issuer.person(f'the {role}', role)}"}
        return await self.client.get(path, headers=headers, params=parameters)


@pytest.fixture
async def house(
    lineage_database: TestDatabase, serve_in_process: ServeInProcess, issuer: Issuer, tmp_path: Path
) -> AsyncIterator[House]:
    database = Database(lineage_database.url, name="test")
    stores, memory, objects = UnitsOfWork(database, PostgresLineageStore), Memory(), Objects()
    async with AsyncExitStack() as stack:
        ledgers = LogStores(database, LOG)
        lineage = Service(
            lineage_pb2.DESCRIPTOR.services_by_name["LineageService"],
            lineage_pb2_grpc.add_LineageServiceServicer_to_server,
            LineageServicer(stores, limits=LineageLimits(), clock=utc_now, ledgers=ledgers),
        )
        serving = serve_in_process(lineage, on_refusal=refusals.noting(stores, utc_now))
        address = await stack.enter_async_context(serving)
        channel = open_channel(address, ServiceSettings(**issuer.settings("report")))
        stack.push_async_callback(channel.close)
        report = Service(
            report_pb2.DESCRIPTOR.services_by_name["ReportService"],
            report_pb2_grpc.add_ReportServiceServicer_to_server,
            ReportServicer(
                memory.batch_stores(),
                memory.outbox_stores(),
                Leads(),
                objects,
                lineages=LineagePeer(channel),
                redaction=Redaction(),
                limits=Limits(queue=2, batch=5, batch_queue=9),
                clock=utc_now,
            ),
        )
        addresses = {
            "lead_service_address": address,
            "lineage_service_address": address,
            "report_service_address": await stack.enter_async_context(serve_in_process(report)),
        }
        settings = GatewaySettings(**{**issuer.settings("gateway"), **addresses, "login_directory": tmp_path})
        channels = await stack.enter_async_context(backends.connect(settings, contract.image()))
        transport = httpx.ASGITransport(app=app.create(settings, channels, tmp_path))
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")
        async with client:
            yield House(client, issuer, lineage_database, stores, memory, objects, address)
    await database.close()


@pytest.fixture
async def sealed(house: House, tmp_path: Path) -> AsyncIterator[House]:
    """The same, and what is entered is sealed at once."""
    async with sequencing(house.database, sealing(tmp_path / "kept", SIGNER, LOG)):
        yield house


async def verified(content: bytes, tmp_path: Path, *arguments: str) -> int:
    (tmp_path / "pack.zip").write_bytes(content)
    asked = ["verify", str(tmp_path / "pack.zip"), "--key", str(SIGNER.key), *arguments]
    return await asyncio.to_thread(command.main, asked)


def files(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def test_a_pack_holds_everything_and_the_offline_verifier_accepts_it(
    sealed: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, sent = await sealed.issue()
    assert (await sealed.get(f"/api/lineage/{report.id}")).status_code == 200
    reply = await sealed.get(f"/api/reports/{report.id}/evidence", "operator")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/zip")
    assert f"evidence-{report.id}.zip" in reply.headers["content-disposition"]
    assert await verified(reply.content, tmp_path) == command.INTACT, capsys.readouterr().out
    every = files(reply.content)
    assert every["report.pdf"] == PDF
    assert every["inputs.json.gz"] == b"".join(sent.parts)
    assert every["log.ndjson.gz"] == sent.log
    record = json.loads(every["record.json"])
    assert record["report_generation_id"] == str(report.id)
    assert record["inputs_sha256"] == f"\\x{digest(INPUTS).hex()}"
    said = [json.loads(every[f"entries/{number:04}.json"]) for number in (1, 2, 3)]
    assert [each["action"] for each in said] == ["RECORD", "VIEW", "DOWNLOAD"]
    assert said[0]["record"] == record
    assert said[2]["subject"] == "the operator"
    assert said[2]["method"] == "leadfactory.lineage.v1.LineageService/CollectEvidence"
    assert b"python -m services.evidence verify" in every["README.txt"]
    again = await sealed.get(f"/api/reports/{report.id}/evidence")
    assert await verified(again.content, tmp_path, "--checkpoints", str(tmp_path / "kept")) == command.INTACT


async def test_to_fetch_a_pack_is_a_reading_of_raw_inputs(sealed: House) -> None:
    report, _ = await sealed.issue()
    content = (await sealed.get(f"/api/reports/{report.id}/evidence")).content
    (entry, _) = (await sealed.get(f"/api/lineage/{report.lineage_id}/access")).json()["accesses"]
    assert (entry["action"], entry["user_id"], entry["outcome"]) == ("DOWNLOAD", "the auditor", "OK")
    assert 0 < entry["sent_bytes"] < len(content) + 20_000
    assert (await sealed.get(f"/api/lineage/{report.id}")).json()["access_count"] == 2


async def test_who_may_not_open_raw_inputs_gets_no_pack(sealed: House) -> None:
    report, _ = await sealed.issue()
    assert (await sealed.get(f"/api/reports/{report.id}/evidence", "viewer")).status_code == 403
    for role in ("operator", "auditor", "admin"):
        assert (await sealed.get(f"/api/reports/{report.id}/evidence", role)).status_code == 200
    for path in ("checkpoint", "consistency?first=1", f"entries/{uuid7()}/proof"):
        assert (await sealed.get(f"/api/lineage/audit-log/{path}", "operator")).status_code == 403


@pytest.mark.parametrize(
    ("status", "lineage_status", "reason"),
    [
        (Status.QUEUED, LineageStatus.PENDING, "REPORT_NOT_COMPLETED"),
        (Status.COMPLETED, LineageStatus.PENDING, "LINEAGE_NOT_RECORDED"),
        (Status.COMPLETED, LineageStatus.DISABLED, "LINEAGE_NOT_RECORDED"),
    ],
)
async def test_a_report_without_lineage_has_no_pack_and_says_why(
    house: House, status: Status, lineage_status: LineageStatus, reason: str
) -> None:
    report, _ = await house.issue()
    pdf = report.pdf if status is Status.COMPLETED else None
    house.reports.reports[report.id] = replace(report, status=status, lineage_status=lineage_status, pdf=pdf)
    reply = await house.get(f"/api/reports/{report.id}/evidence")
    assert reply.status_code == 400
    assert reason in [each.get("reason") for each in reply.json()["error"]["details"]]


async def test_there_is_no_pack_until_the_record_is_sealed_nor_of_what_there_is_not(house: House) -> None:
    report, _ = await house.issue()
    assert (await house.get(f"/api/reports/{report.id}/evidence")).status_code == 503
    assert (await house.get("/api/lineage/audit-log/checkpoint")).status_code == 503
    assert (await house.get(f"/api/reports/{uuid7()}/evidence")).status_code == 404
    assert (await house.get("/api/reports/seven/evidence")).status_code == 400
    # A record of which the lineage service knows nothing.
    lost = replace(report, id=uuid7())
    house.reports.reports[lost.id] = lost
    assert (await house.get(f"/api/reports/{lost.id}/evidence")).status_code == 404


async def test_what_was_erased_is_not_in_the_pack_and_an_entry_says_so(
    sealed: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, sent = await sealed.issue()
    await retention.erase(sealed.lineages, sent.facts.lead_id, ADA, clock=utc_now)
    content = (await sealed.get(f"/api/reports/{report.id}/evidence")).content
    assert not {"inputs.json.gz", "log.ndjson.gz"} & files(content).keys()
    assert await verified(content, tmp_path) == command.INTACT
    assert "removed, as an entry says, so not in it: inputs, log" in capsys.readouterr().out


async def test_a_pdf_that_was_replaced_in_the_object_store_is_named(
    sealed: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, sent = await sealed.issue()
    sealed.objects.kept[f"sha256/{sent.facts.pdf_sha256.hex()}"] = PDF[:-1] + b"x"
    content = (await sealed.get(f"/api/reports/{report.id}/evidence")).content
    assert await verified(content, tmp_path) == command.DAMAGED
    assert "damaged: report.pdf: it is not what was recorded" in capsys.readouterr().out


async def test_the_log_proves_itself_over_rest(house: House, tmp_path: Path) -> None:
    report, _ = await house.issue()
    await seal(house.database, sealing(None, SIGNER, LOG))
    checkpoint = (await house.get("/api/lineage/audit-log/checkpoint")).json()
    assert (checkpoint["size"], checkpoint["public_key"]) == (1, str(SIGNER.key))
    (entry,) = (await house.get(f"/api/lineage/{report.lineage_id}/access")).json()["accesses"]
    assert entry["action"] == "RECORD"
    proof = (await house.get(f"/api/lineage/audit-log/entries/{entry['id']}/proof")).json()
    assert (proof["index"], proof["checkpoint"]["root_hash"]) == (0, checkpoint["root_hash"])
    await seal(house.database, sealing(None, SIGNER, LOG))
    consistency = (await house.get("/api/lineage/audit-log/consistency", first="1")).json()
    assert (consistency["first"], consistency["second"]) == (1, 2)
    assert consistency["first_root_hash"] == checkpoint["root_hash"]
    assert (await house.get("/api/lineage/audit-log/consistency", first="9")).status_code == 400
    assert (await house.get(f"/api/lineage/audit-log/entries/{uuid7()}/proof")).status_code == 404
    assert UUID(entry["id"]).version == 7
