"""What the audit costs a write: the same changes in two equal databases, one without its trigger, in turn.

With commits as they are in use, and with commits that do not wait for the disk. By the clock, and by the
CPU time of the writers' process and of their sessions on the server, which other work disturbs less.
"""

import asyncio
import statistics
import time
from itertools import count

import asyncpg
import psutil
import pytest
from sqlalchemy import insert, update

from lead_service.tables import LeadRow
from services.clock import utc_now
from services.database import Database
from services.identity import Actor, Call, acting_as, serving
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase
from tests.performance.conftest import Note
from tests.performance.pairs import compare

# The more writers, the longer it takes until all of them are at work; and the more of them wait for one of
# few processors, the more does a measurement differ from the next, and the more of these it takes.
ROUNDS = {1: (160, 0.1), 8: (64, 0.25), 32: (128, 0.3)}
"""How often to measure both, and for how many seconds each, by writers."""
ADA = Actor("ada", frozenset({"operator"}), None, "192.0.2.1", "Mozilla/5.0 (X11; Linux x86_64)")
CALL = Call("leadfactory.lead.v1.LeadService/UpdateLead", "0190a0f0-0000-7000-8000-000000000000")


async def writes_a_second(database: Database, writers: int, seconds: float) -> float:
    """Each writer creates a lead and changes it, in a transaction each, as two RPCs would."""
    done = count()
    ends = time.perf_counter() + seconds

    async def write() -> None:
        while time.perf_counter() < ends:
            lead_id, now = uuid7(), utc_now()
            async with database.write() as session:
                await session.execute(
                    insert(LeadRow).values(
                        id=lead_id, email=f"{lead_id}@example.com", domain="example.com", name="Ada",
                        is_manual=True, enrichment_status="PENDING", enrichment_attempts=0,
                        enrichment_error="", created_by="ada", created_at=now, updated_at=now, version=1,
                    )
                )  # fmt: skip
            async with database.write() as session:
                await session.execute(
                    update(LeadRow)
                    .where(LeadRow.id == lead_id, LeadRow.version == 1)
                    .values(name="Ada Lovelace", updated_at=now, version=2)
                )
            next(done)

    began = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(writers)))
    return 2 * next(done) / (time.perf_counter() - began)


class Writers:
    """Those who write into one database, and the CPU time that they and their sessions have taken."""

    def __init__(self, made: TestDatabase, number: int) -> None:
        self.database = Database(made.url, name="bench", pool_size=number)
        self.microseconds_a_write: list[float] = []
        self._made, self._number = made, number

    async def _cpu_seconds(self) -> float:
        connection = await asyncpg.connect(self._made.superuser_url)
        sessions = await connection.fetch(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'bench'"
        )
        await connection.close()
        spent = [psutil.Process(each["pid"]).cpu_times() for each in sessions]
        return time.process_time() + sum(each.user + each.system for each in spent)

    async def measure(self, seconds: float) -> float:
        """Write for that long, and return how many writes that was a second."""
        before, began = await self._cpu_seconds(), time.perf_counter()
        rate = await writes_a_second(self.database, self._number, seconds)
        writes = rate * (time.perf_counter() - began)
        self.microseconds_a_write.append(1e6 * (await self._cpu_seconds() - before) / writes)
        return rate


@pytest.mark.parametrize("writers", [1, 8, 32])
async def test_audited_writes_against_unaudited(
    lead_database: TestDatabase, unaudited_database: TestDatabase, commits: str, note: Note, writers: int
) -> None:
    audited, unaudited = Writers(lead_database, writers), Writers(unaudited_database, writers)
    rounds, seconds = ROUNDS[writers]
    with acting_as(ADA), serving(CALL):
        found = await compare(lambda: audited.measure(seconds), lambda: unaudited.measure(seconds), rounds)
    await audited.database.close()
    await unaudited.database.close()
    # The first round warms up.
    taken = [statistics.mean(each.microseconds_a_write[1:]) for each in (audited, unaudited)]
    # The promise is 0.85, and 0.6 for 32 writers; a busy machine may blur the one, and never the other.
    assert found.ratio > 0.6
    note(f"audit: writes with it, {writers} writers{commits}", found.first, "writes/s")
    note(f"audit: writes without it, {writers} writers{commits}", found.second, "writes/s")
    note(f"audit: share of the unaudited rate, {writers} writers{commits}", found.ratio, "")
    note(f"audit: CPU time of a write with it, {writers} writers{commits}", taken[0], "µs")
    note(
        f"audit: share of the unaudited rate by CPU time, {writers} writers{commits}", taken[1] / taken[0], ""
    )
