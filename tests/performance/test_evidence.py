"""How long an entry waits for its checkpoint while 32 writers work, and what checking the log takes."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from lead_service.audit_log import LOG
from services.database import Database
from services.evidence.examination import examine
from services.evidence.merkle import Proof
from services.evidence.store import LogStore
from services.identity import acting_as, serving
from tests.fixtures.evidence import ALL_SEALED, KEYS, SIGNER
from tests.fixtures.postgres import TestDatabase
from tests.performance.conftest import Note
from tests.performance.test_audit import ADA, CALL, writes_a_second

SECONDS = 20
WRITERS = 32
# From an entry's being written, in a transaction that is yet to commit, to the checkpoint over it.
LAGS = """
    SELECT percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (
               ORDER BY extract(epoch FROM c.created_at - e.created_at))
      FROM lead_audit e JOIN lead_audit_tree t ON t.entry_id = e.id
      JOIN LATERAL (SELECT created_at FROM lead_audit_checkpoints
                     WHERE size > t.number ORDER BY size LIMIT 1) c ON true
"""


@asynccontextmanager
async def worker(database: TestDatabase, key: Path, log: Path) -> AsyncIterator[None]:
    """Run the process that seals, as it is run in use."""
    settings = {
        "LEAD_DATABASE_URL": database.url,
        "EVIDENCE_SIGNING_KEY_FILE": str(key),
        "EVIDENCE_ORIGIN": SIGNER.key.name,
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *("-m", "lead_service", "work"), env=os.environ | settings, stdout=output
        )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_sequencing_lag_under_load(
    lead_database: TestDatabase, signing_key_file: Path, tmp_path: Path, note: Note
) -> None:
    owner = await asyncpg.connect(lead_database.superuser_url)
    database = Database(lead_database.url, name="bench", pool_size=WRITERS)
    rates = []
    async with worker(lead_database, signing_key_file, tmp_path / "log"):
        while not await owner.fetchval(ALL_SEALED):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        ends = time.perf_counter() + SECONDS
        with acting_as(ADA), serving(CALL):
            while time.perf_counter() < ends:
                rates.append(await writes_a_second(database, WRITERS, 0.5))
        while not await owner.fetchval(ALL_SEALED):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await database.close()
    median, p99, worst = await owner.fetchval(LAGS)
    entries = await owner.fetchval("SELECT count(*) FROM lead_audit")
    note(f"evidence: audited writes while sealed, {WRITERS} writers", sum(rates) / len(rates), "writes/s")
    note("evidence: sequencing lag, median", 1000 * median, "ms")
    note("evidence: sequencing lag, p99", 1000 * p99, "ms")
    note("evidence: sequencing lag, longest", 1000 * worst, "ms")
    assert p99 < 1

    began = time.perf_counter()
    store = LogStore(owner, LOG)
    for number in range(0, entries, max(1, entries // 100)):
        proof = Proof.of_inclusion(number, entries)
        proof.hashes(await store.hashes(proof.spans()))
    note("evidence: proof of one entry", 10 * (time.perf_counter() - began), "ms")
    await owner.close()

    began, cpu = time.perf_counter(), time.process_time()
    report = await examine(lead_database.url, KEYS, None)
    assert report.damages == []
    note("evidence: check of the whole log", entries / (time.perf_counter() - began), "entries/s")
    note(
        "evidence: CPU time of the verifier, without the server's",
        1e6 * (time.process_time() - cpu) / entries,
        "µs/entry",
    )
