"""Promise: ``python -m lineage_service`` migrates, serves and works, from its settings alone."""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lineage_service.domain import Limits
from lineage_service.settings import ServerSettings
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from protos.leadfactory.lineage.v1 import lineage_pb2_grpc
from services.settings import InvalidSettings
from services.telemetry import PROCESS_READY
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import Postgres
from tests.lineage_service.builders import a_report


async def start(command: str, environment: dict[str, str]) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lineage_service", command),
        env={"PATH": os.environ["PATH"], **environment},
        stdout=PIPE,
        stderr=PIPE,
    )


@asynccontextmanager
async def running(command: str, environment: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """Run a process until it says that it is ready; give what it said, then stop it."""
    process = await start(command, environment)
    assert process.stdout is not None
    said: dict[str, Any] = {}
    while said.get("event") != PROCESS_READY:
        line = await process.stdout.readline()
        assert line, "the process ended"
        said = json.loads(line)
    yield said
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


@pytest.fixture
def environment(postgres: Postgres, issuer: Issuer) -> Iterator[dict[str, str]]:
    made = postgres.empty("lineage")
    yield {
        **{name.upper(): str(value) for name, value in issuer.settings().items() if value},
        "LINEAGE_DATABASE_URL": made.url,
        "LINEAGE_MIGRATION_DATABASE_URL": made.owner_url,
    }
    postgres.drop(made)


async def test_a_database_is_migrated_served_and_measured(
    environment: dict[str, str], issuer: Issuer
) -> None:
    migrated = await start("migrate", environment)
    _, errors = await migrated.communicate()
    assert migrated.returncode == 0, errors.decode()

    async with running("serve", environment) as ready, running("work", environment) as worker:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ready['port']}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service="readiness")
            watching = health.Watch(request)
            async for answer in watching:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    break
            watching.cancel()
            lineage: pb.Lineage = await lineage_pb2_grpc.LineageServiceStub(channel).RecordLineage(
                iter(a_report().messages()),
                metadata=(("authorization", f"Bearer {issuer.workload('report-worker')}"),),
            )
            assert lineage.lineage_id
        async with httpx.AsyncClient() as client:
            shown = ""
            while not re.search(r"leadfactory_lineage_records [01]\.0", shown):
                shown = (await client.get(f"http://127.0.0.1:{worker['metrics_port']}/metrics")).text
            counted = (await client.get(f"http://127.0.0.1:{ready['metrics_port']}/metrics")).text
        assert 'leadfactory_lineage_storage_bytes{kind="inputs"}' in shown
        assert "leadfactory_lineage_recorded_total 1.0" in counted
        assert "leadfactory_lineage_records" not in counted


async def test_a_missing_setting_is_named_in_one_line() -> None:
    process = await start("serve", {})
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().splitlines() == ["LINEAGE_DATABASE_URL: Field required"]


async def test_an_unknown_command_is_told_the_known_ones() -> None:
    process = await start("dance", {})
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"serve | work | migrate" in errors


def test_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGE_DATABASE_URL", "postgresql://x")
    assert ServerSettings.load().limits == Limits()
    monkeypatch.setenv("LINEAGE_MAXIMUM_COMPRESSION_RATIO", "50")
    monkeypatch.setenv("LINEAGE_MAXIMUM_LOG_BYTES", "1000")
    assert ServerSettings.load().limits == Limits(log_bytes=1000, ratio=50)
    monkeypatch.setenv("LINEAGE_MAXIMUM_LOG_BYTES", "-1")
    with pytest.raises(InvalidSettings, match="LINEAGE_MAXIMUM_LOG_BYTES"):
        ServerSettings.load()
