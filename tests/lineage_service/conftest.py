"""The lineage service for real: PostgreSQL, a grpc.aio server, the full list of interceptors."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import grpc.aio
import pytest

from lineage_service import refusals
from lineage_service.domain import Limits
from lineage_service.repository import PostgresLineageStore
from lineage_service.servicer import LineageServicer
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.server import Service
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.lineage_service.builders import Sent


class Lineage:
    """A running lineage service, as its callers and its database's owner see it."""

    def __init__(self, channel: grpc.aio.Channel, issuer: Issuer, database: TestDatabase) -> None:
        self.stub = lineage_pb2_grpc.LineageServiceStub(channel)
        self.issuer = issuer
        self.database = database

    def person(self, subject: str, *roles: str) -> tuple[tuple[str, str], ...]:
        """Metadata of a person who came through the gateway."""
        return (
            ("authorization", f"Bearer {self.issuer.person(subject, *roles)}"),
            ("x-leadfactory-peer", self.issuer.workload("gateway")),
            ("x-leadfactory-client-ip", "192.0.2.7"),
            ("x-leadfactory-client-user-agent", "Firefox"),
            ("x-request-id", f"request-of-{subject}"),
        )

    def process(self, name: str) -> tuple[tuple[str, str], ...]:
        """Metadata of a process of ours."""
        return (("authorization", f"Bearer {self.issuer.workload(name)}"),)

    async def record(self, sent: Sent, metadata: Any = None) -> lineage_pb2.Lineage:
        given = metadata if metadata is not None else self.process("report-worker")
        reply: lineage_pb2.Lineage = await self.stub.RecordLineage(
            iter(sent.messages()), metadata=given, timeout=30
        )
        return reply

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Ask the database as its superuser."""
        connection = await asyncpg.connect(self.database.superuser_url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return rows
        finally:
            await connection.close()

    async def accesses(self) -> list[tuple[str, str, int | None]]:
        return [
            (row["subject"], row["action"], row["part"])
            for row in await self.rows(
                "SELECT * FROM lineage_accesses WHERE of_id IS NULL AND action <> 'RECORD' ORDER BY id"
            )
        ]


def recording(address: str, issuer: Issuer) -> Callable[[Sent], Awaitable[Sent]]:
    """Return what records as the report worker does, and gives back what it recorded."""

    async def record(sent: Sent) -> Sent:
        async with grpc.aio.insecure_channel(address) as channel:
            await lineage_pb2_grpc.LineageServiceStub(channel).RecordLineage(
                iter(sent.messages()),
                metadata=(("authorization", f"Bearer {issuer.workload('report-worker')}"),),
            )
        return sent

    return record


@pytest.fixture
async def lineage(
    serve_in_process: ServeInProcess, issuer: Issuer, lineage_database: TestDatabase
) -> AsyncIterator[Lineage]:
    async with serving(serve_in_process, issuer, lineage_database) as running:
        yield running


@asynccontextmanager
async def serving(
    serve_in_process: ServeInProcess, issuer: Issuer, made: TestDatabase
) -> AsyncIterator[Lineage]:
    database = Database(made.url, name="lineage-test", pool_size=10)
    stores = UnitsOfWork(database, PostgresLineageStore)
    service = Service(
        lineage_pb2.DESCRIPTOR.services_by_name["LineageService"],
        lineage_pb2_grpc.add_LineageServiceServicer_to_server,
        LineageServicer(stores, limits=Limits(), clock=utc_now),
    )
    on_refusal = refusals.noting(stores, utc_now)
    async with (
        serve_in_process(service, on_refusal=on_refusal) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield Lineage(channel, issuer, made)
    await database.close()
