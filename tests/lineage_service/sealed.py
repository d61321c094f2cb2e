"""A sealed access audit."""

from datetime import UTC, datetime
from pathlib import Path

from lineage_service import accesses, lineage, search
from lineage_service.audit_log import LOG
from lineage_service.domain import (
    AccessFilter,
    Action,
    Limits,
    LineageFilter,
    LineageStores,
    Order,
    Outcome,
)
from lineage_service.repository import PostgresLineageStore
from services.database import Database, UnitsOfWork
from services.evidence.notes import Signer
from tests.fixtures.evidence import PRIVATE_KEY, seal, sealing
from tests.fixtures.postgres import TestDatabase
from tests.lineage_service.builders import ADA, Sent, a_report, an_access

SIGNER = Signer("example.com/lineage", PRIVATE_KEY)
KEYS = [SIGNER.key]
ENTRIES = 12
"""Of two lineages: RECORD, VIEW, LOGS, OUTCOME and AUDIT each. And two searches."""


def now() -> datetime:
    return datetime.now(UTC)


async def record(stores: LineageStores) -> Sent:
    sent = a_report(b"one", b"two")
    await lineage.record(stores, sent.facts, sent.arrivals(), ADA, limits=Limits(), clock=now)
    return sent


async def populate(made: TestDatabase, outside: Path) -> None:
    database = Database(made.url, name="test")
    stores = UnitsOfWork(database, PostgresLineageStore)
    for _ in range(2):
        sent = await record(stores)
        await seal(made, sealing(outside, SIGNER, LOG))
        async with stores.write() as store:
            await store.note(an_access(sent, Action.VIEW, now()))
            reading = an_access(sent, Action.LOGS, now())
            await store.note(reading)
        async with stores.write() as store:
            await store.conclude(reading, Outcome(reading.id, "OK", 7, now()))
        await search.search(stores, LineageFilter(pipeline_run_id="r"), 5, None, Order(), ADA, clock=now)
        await accesses.page(stores, AccessFilter(lineage_id=sent.facts.lineage_id), 5, None, ADA, clock=now)
        await seal(made, sealing(outside, SIGNER, LOG))
    await database.close()
