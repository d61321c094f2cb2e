"""What the audit costs a write: the same changes with its trigger on and off, in turn."""

import asyncio
import statistics
import time
from itertools import count

import asyncpg
import pytest
from sqlalchemy import insert, update

from lead_service.tables import LeadRow
from services.clock import utc_now
from services.database import Database
from services.identity import Actor, Call, acting_as, serving
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase
from tests.performance.conftest import Note

ROUNDS = 12
SECONDS = 1.0
ADA = Actor("ada", frozenset({"operator"}), None, "192.0.2.1", "Mozilla/5.0 (X11; Linux x86_64)")
CALL = Call("leadfactory.lead.v1.LeadService/UpdateLead", "0190a0f0-0000-7000-8000-000000000000")


async def writes_a_second(database: Database, writers: int) -> float:
    """Each transaction creates a lead and changes another one, as two RPCs would."""
    done = count()
    ends = time.perf_counter() + SECONDS

    async def write() -> None:
        while time.perf_counter() < ends:
            lead_id, now = uuid7(), utc_now()
            async with database.write() as session:
                await session.execute(
                    insert(LeadRow).values(
                        id=lead_id, email=f"{lead_id}@example.com", domain="example.com", name="Ada",
                        is_manual=True, enrichment_status="PENDING", enrichment_attempts=0,
                        enrichment_error="", created_by="ada", created_at=now, updated_at=now,
                    )
                )  # fmt: skip
            async with database.write() as session:
                await session.execute(
                    update(LeadRow).where(LeadRow.id == lead_id).values(name="Ada Lovelace", updated_at=now)
                )
            next(done)

    began = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(writers)))
    return 2 * next(done) / (time.perf_counter() - began)


@pytest.mark.parametrize("writers", [1, 8, 32])
async def test_audited_writes_against_unaudited(
    lead_database: TestDatabase, note: Note, writers: int
) -> None:
    owner = await asyncpg.connect(lead_database.owner_url)
    database = Database(lead_database.url, name="bench", pool_size=writers)
    rates: dict[str, list[float]] = {"ENABLE ALWAYS": [], "DISABLE": []}
    with acting_as(ADA), serving(CALL):
        await writes_a_second(database, writers)
        # On and off in turn, each first as often, so that a slow moment of the machine meets both.
        for turn in range(ROUNDS):
            for mode in sorted(rates, reverse=turn % 2 == 0):
                await owner.execute(f"ALTER TABLE leads {mode} TRIGGER audit")
                rates[mode].append(await writes_a_second(database, writers))
    await database.close()
    await owner.close()
    on, off = (statistics.median(rates[mode]) for mode in ("ENABLE ALWAYS", "DISABLE"))
    ratios = [a / b for a, b in zip(*rates.values(), strict=True)]
    note(f"audit: writes with it, {writers} writers", on, "writes/s")
    note(f"audit: writes without it, {writers} writers", off, "writes/s")
    note(f"audit: share of the unaudited rate, {writers} writers", statistics.median(ratios), "")
