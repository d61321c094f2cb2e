"""Promise: what is shown as used was measured, and what could not be measured is not shown as known."""

import asyncio
import math
import random
from contextlib import AbstractAsyncContextManager

import pytest
from prometheus_client import CollectorRegistry

from lineage_service.domain import MIB, Lineage, LineageStore
from lineage_service.memory import MemoryLineageStores
from lineage_service.repository import PostgresLineageStore
from lineage_service.usage import UsageMeter
from services.database import Database, UnitsOfWork
from services.errors import Unavailable
from tests.fixtures.postgres import TestDatabase
from tests.lineage_service.builders import NOON, a_report, received


def shown(registry: CollectorRegistry, kind: str) -> float | None:
    return registry.get_sample_value("leadfactory_lineage_storage_bytes", {"kind": kind})


async def test_bytes_and_records_of_a_real_database_are_shown(lineage_database: TestDatabase) -> None:
    database = Database(lineage_database.url, name="test")
    stores = UnitsOfWork(database, PostgresLineageStore)
    sent = a_report(random.Random(7).randbytes(MIB))
    async with received(sent) as payload, stores.write() as store:
        await store.add_if_absent(
            Lineage(sent.facts, payload.log_gzip_size, payload.inputs_gzip_sha256, NOON), payload
        )
    registry = CollectorRegistry()
    await UsageMeter(stores, seconds=60, registry=registry).measure()
    await database.close()
    assert registry.get_sample_value("leadfactory_lineage_records") == 1
    assert MIB < (shown(registry, "inputs") or 0) < 2 * MIB
    assert 0 < (shown(registry, "logs") or 0) < MIB
    assert (shown(registry, "records") or 0) > 0
    assert (shown(registry, "accesses") or 0) > 0


class Closed(MemoryLineageStores):
    def read(self) -> AbstractAsyncContextManager[LineageStore]:
        raise Unavailable("closed")


async def test_what_cannot_be_measured_is_not_shown_as_nothing() -> None:
    registry = CollectorRegistry()
    meter = UsageMeter(Closed(), seconds=60, registry=registry)
    with pytest.raises(Unavailable):
        await meter.measure()
    assert math.isnan(registry.get_sample_value("leadfactory_lineage_records") or 0)
    assert shown(registry, "inputs") is None


class Watched(MemoryLineageStores):
    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    def read(self) -> AbstractAsyncContextManager[LineageStore]:
        self.asked.set()
        return super().read()


async def test_measuring_ends_when_told_to() -> None:
    registry, stop, stores = CollectorRegistry(), asyncio.Event(), Watched()
    meter = UsageMeter(stores, seconds=3600, registry=registry)
    running = asyncio.create_task(meter.run(stop))
    await stores.asked.wait()
    stop.set()
    await asyncio.wait_for(running, 10)
    assert registry.get_sample_value("leadfactory_lineage_records") == 0


async def test_the_alarm_is_given_from_its_threshold_on(lineage_database: TestDatabase) -> None:
    database = Database(lineage_database.url, name="test")
    stores = UnitsOfWork(database, PostgresLineageStore)
    for alarm_bytes, given in ((0, 0), (1, 1), (1 << 40, 0)):
        registry = CollectorRegistry()
        await UsageMeter(stores, seconds=60, alarm_bytes=alarm_bytes, registry=registry).measure()
        assert registry.get_sample_value("leadfactory_lineage_storage_alarm") == given
    await database.close()
