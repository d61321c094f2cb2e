"""Leads and their files over REST, from HTTP through the gateway to PostgreSQL and back."""

import csv
import io
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import app, backends, contract
from gateway.settings import GatewaySettings
from lead_service import refusals
from lead_service.import_repository import PostgresImportStore
from lead_service.quota import Quota
from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from lead_service.transfer_servicer import LeadTransferServicer
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc, transfers_pb2, transfers_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.server import Service
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.gateway.transcoding.conftest import listening

QUOTA = Quota(hourly=10, at_once=500)
COUNTS = ("rows", "created", "updated", "unchanged", "duplicates", "refused")


class Api:
    """The whole API, as one person or another."""

    def __init__(self, client: httpx.AsyncClient, issuer: Issuer) -> None:
        self.client = client
        self._issuer = issuer

    def people(self, subject: str, *roles: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self._issuer.person(subject, *roles)}"}

    async def get(self, path: str, subject: str = "ada", role: str = "operator") -> httpx.Response:
        return await self.client.get(path, headers=self.people(subject, role))

    async def post(self, path: str, content: Any = b"", **headers: str) -> httpx.Response:
        return await self.client.post(
            path, content=content, headers={**self.people("ada", "operator"), **headers}
        )

    async def bring(self, text: str | bytes, query: str = "", **headers: str) -> dict[str, Any]:
        content = text.encode() if isinstance(text, str) else text
        reply = await self.post(f"/api/leads:import?{query}", content, **headers)
        assert reply.status_code == 200, reply.text
        done: dict[str, Any] = reply.json()
        return done

    async def undo(self, import_id: str) -> dict[str, Any]:
        reply = await self.client.post(
            f"/api/leads/imports/{import_id}:undo", json={}, headers=self.people("ada", "operator")
        )
        assert reply.status_code == 200, reply.text
        undone: dict[str, Any] = reply.json()
        return undone

    async def leads(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(f"/api/leads?{query}")).json()["leads"]
        return found

    async def errors(self, import_id: str) -> list[list[str]]:
        reply = await self.get(f"/api/leads/imports/{import_id}/errors")
        assert reply.headers["content-type"] == "text/csv; charset=utf-8"
        header, *rows = csv.reader(io.StringIO(reply.text, newline=""))
        assert header == ["row", "column", "value", "reason"]
        return rows


@pytest.fixture
async def api(
    lead_database: TestDatabase, serve_in_process: ServeInProcess, issuer: Issuer, tmp_path: Path
) -> AsyncIterator[Api]:
    database = Database(lead_database.url, name="test")
    leads, kept = UnitsOfWork(database, PostgresLeadStore), records(database)
    imports = UnitsOfWork(database, partial(PostgresImportStore, quota=QUOTA))
    services = [
        Service(
            lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
            lead_pb2_grpc.add_LeadServiceServicer_to_server,
            LeadServicer(leads, utc_now, kept),
        ),
        Service(
            transfers_pb2.DESCRIPTOR.services_by_name["LeadTransferService"],
            transfers_pb2_grpc.add_LeadTransferServiceServicer_to_server,
            LeadTransferServicer(imports, leads, kept.audits, utc_now),
        ),
    ]
    async with serve_in_process(*services, on_refusal=refusals.noting(kept.audits)) as address:
        addresses = {f"{context}_service_address": address for context in ("lead", "report", "lineage")}
        settings = GatewaySettings(
            **{**issuer.settings("gateway"), **addresses, "login_directory": tmp_path, "gateway_port": 0}
        )
        async with (
            backends.connect(settings, contract.image()) as channels,
            listening(app.create(settings, channels, tmp_path)) as client,
        ):
            yield Api(client, issuer)
    await database.close()


def counts(done: dict[str, Any]) -> list[int]:
    return [done[name] for name in COUNTS]
