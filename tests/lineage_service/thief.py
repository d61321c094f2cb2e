"""A sealed access audit, and somebody with all rights in its database."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

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
from services.evidence.merkle import leaf_hash
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


class Thief:
    """Somebody with all rights in the database, and without the key."""

    def __init__(self, connection: asyncpg.Connection, entries: list[asyncpg.Record]) -> None:
        self.connection = connection
        self.entries = entries
        """Of the first lineage, oldest first."""

    @asynccontextmanager
    async def unseen(self) -> AsyncIterator[None]:
        """Switch every trigger off, and on again as it was."""
        triggers = await self.connection.fetch(
            "SELECT tgrelid::regclass::text AS on, tgname, tgenabled = 'A' AS always FROM pg_trigger"
            " WHERE tgrelid = ANY($1::text[]::regclass[]) AND NOT tgisinternal",
            LOG.tables,
        )
        for each in triggers:
            await self.connection.execute(f"ALTER TABLE {each['on']} DISABLE TRIGGER {each['tgname']}")
        yield
        for each in triggers:
            always = "ALWAYS " if each["always"] else ""
            await self.connection.execute(f"ALTER TABLE {each['on']} ENABLE {always}TRIGGER {each['tgname']}")

    async def execute(self, statement: str, *arguments: Any) -> None:
        async with self.unseen():
            await self.connection.execute(statement, *arguments)

    async def rewrite(self, version: int, *, tree: bool) -> list[str]:
        """Forge who made an entry, and recompute every hash that follows from it; return the ids."""
        previous: str | None = None
        async with self.unseen():
            for entry in self.entries[version - 1 :]:
                stated = json.loads(entry["canonical"])
                if previous is None:
                    stated["subject"] = "eve"
                else:
                    stated["previous_hash"] = previous
                canonical = json.dumps(stated).encode()
                await self.connection.execute(
                    """UPDATE lineage_accesses SET canonical = $2::bytea, entry_hash = sha256($2::bytea),
                              subject = $3, previous_hash = decode($4, 'hex') WHERE id = $1""",
                    entry["id"],
                    canonical,
                    stated["subject"],
                    stated["previous_hash"],
                )
                if tree:
                    await self.connection.execute(
                        "UPDATE lineage_accesses_tree SET hash = $2 WHERE entry_id = $1",
                        entry["id"],
                        leaf_hash(canonical),
                    )
                previous = hashlib.sha256(canonical).hexdigest()
        return [str(entry["id"]) for entry in self.entries[version - 1 :]]
