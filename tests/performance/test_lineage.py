"""How long a search of lineage takes among few and among many, and a long log to arrive.

``BENCH_LINEAGE_RECORDS`` is how many are many; the promise is about 1,000,000.
"""

import asyncio
import hashlib
import os
import random
import statistics
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import asyncpg

from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import Postgres, TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.lineage_service.builders import a_report
from tests.lineage_service.conftest import Lineage, serving
from tests.performance.conftest import Note

FEW = 10_000
MANY = int(os.environ.get("BENCH_LINEAGE_RECORDS", "100000"))
ROUNDS = 100
LOG_BYTES = 10_000_000
LOG_ROUNDS = 10

# Records of three years, newest last, twenty for each lead. The words of their logs are in all of them,
# in one of ten, of a hundred, of a thousand, and in one alone.
FILL = """
INSERT INTO lineage_records (
    lineage_id, report_generation_id, lead_id, pipeline_run_id, template_version_id, template_digest,
    environment_digest, pipeline_start_time, pipeline_end_time, raw_inputs_size_bytes, inputs_sha256,
    pdf_sha256, part_sizes_bytes, part_sha256s, logs_size_bytes, logs_gzip_size_bytes, logs_sha256,
    created_by, created_at, inputs_gzip_sha256, raw_inputs_gzip_size_bytes)
SELECT uuidv7(), uuidv7(), md5('lead' || n % ({count} / 20))::uuid, 'run-' || n % ({count} / 100),
       't@1.0.' || n % 20, digest, digest, at, at, 4000, sha256(n::text::bytea),
       sha256(('pdf' || n)::bytea), '{{900}}', ARRAY[digest], 900, 300, digest, 'ada', at, digest, 900
  FROM generate_series(1, {count}) AS n, LATERAL (
       SELECT sha256('') AS digest, now() - ({count} - n) * interval '3 years' / {count} AS at) AS facts;
INSERT INTO lineage_log_words
SELECT lineage_id, created_at, array_to_tsvector(ARRAY[
           'event', 'level', 'info', 'run', 'started', 'ended', 'step', 'seconds', 'render', 'lead',
           'assess', 'store', 'pages', 'fill', 'layout', 'write', 'inputs', 'size', 'bytes', 'report',
           'domain', 'com', 'tenth' || n % 10, 'hundredth' || n % 100, 'thousandth' || n % 1000,
           'single' || n])
  FROM (SELECT lineage_id, created_at, row_number() OVER (ORDER BY created_at) AS n
          FROM lineage_records) AS each;
"""


async def filled(made: TestDatabase, records: int) -> None:
    """Fill the tables; their indexes are made afterwards, which takes a tenth of the time."""
    connection = await asyncpg.connect(made.superuser_url, command_timeout=1200)
    indexes = await connection.fetch(
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made FROM pg_index"
        " WHERE indrelid IN ('lineage_records'::regclass, 'lineage_log_words'::regclass) AND NOT indisunique"
    )
    fill = FILL.format(count=records)
    for statement in (
        *(f"DROP INDEX {index['name']}" for index in indexes),
        *fill.split(";")[:2],
        *(index["made"] for index in indexes),
        "VACUUM ANALYZE lineage_records",
        "VACUUM ANALYZE lineage_log_words",
    ):
        await connection.execute(statement)
    await connection.close()


def questions(records: int) -> dict[str, Callable[[random.Random], dict[str, Any]]]:
    """What is asked for, by kind; each names something that there is."""

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    def lead(n: int) -> str:
        return str(UUID(hashlib.md5(f"lead{n % (records // 20)}".encode()).hexdigest()))

    return {
        "everything": lambda _: {},
        "a lead": lambda dice: {"lead_id": lead(dice.randrange(records))},
        "a run": lambda dice: {"pipeline_run_id": f"run-{dice.randrange(records // 100)}"},
        "a template": lambda dice: {"template_version_id": f"t@1.0.{dice.randrange(20)}"},
        "a PDF": lambda dice: {"pdf_sha256": digest(f"pdf{dice.randrange(1, records)}")},
        "inputs": lambda dice: {"inputs_sha256": digest(str(dice.randrange(1, records)))},
        "a word in all logs": lambda _: {"q": "step ended"},
        "a word in a tenth": lambda dice: {"q": f"tenth{dice.randrange(10)}"},
        "a word in a hundredth": lambda dice: {"q": f"hundredth{dice.randrange(100)}"},
        "a word in a thousandth": lambda dice: {"q": f"thousandth{dice.randrange(1000)}"},
        "a word in one log": lambda dice: {"q": f"single{dice.randrange(1, records)}"},
    }


async def milliseconds(lineage: Lineage, metadata: Any, **request: Any) -> tuple[float, str]:
    began = time.perf_counter()
    reply = await lineage.stub.SearchLineage(pb.SearchLineageRequest(**request), metadata=metadata)
    return (time.perf_counter() - began) * 1000, reply.next_page_token


async def test_search_among_few_and_among_many(
    postgres: Postgres, serve_in_process: ServeInProcess, issuer: Issuer, note: Note
) -> None:
    dice = random.Random(7)
    taken: dict[tuple[str, int], list[float]] = {}
    async with AsyncExitStack() as opened:
        services = {}
        for records in (FEW, MANY):
            made = await asyncio.to_thread(postgres.migrated, "lineage")
            await filled(made, records)
            services[records] = await opened.enter_async_context(serving(serve_in_process, issuer, made))
        for round_ in range(ROUNDS):
            for kind in questions(FEW):
                # Few and many in turn, so that a slow moment of the machine meets both.
                for records, lineage in services.items():
                    request = questions(records)[kind](dice)
                    metadata = lineage.person("ada", "viewer")
                    spent, following = await milliseconds(lineage, metadata, **request)
                    if following:
                        spent, _ = await milliseconds(lineage, metadata, **request, page_token=following)
                    if round_ >= 5:
                        taken.setdefault((kind, records), []).append(spent)
    everything: dict[int, list[float]] = {FEW: [], MANY: []}
    for (kind, records), times in taken.items():
        everything[records] += times
        note(f"lineage: search for {kind} among {records:,}, median", statistics.median(times), "ms")
        note(f"lineage: search for {kind} among {records:,}, p99", p99(times), "ms")
    few, many = p99(everything[FEW]), p99(everything[MANY])
    note(f"lineage: search among {FEW:,}, p99", few, "ms")
    note(f"lineage: search among {MANY:,}, p99", many, "ms")
    note("lineage: search, p99 among many to p99 among few", many / few, "times")


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


async def test_a_long_log(
    lineage_database: TestDatabase, serve_in_process: ServeInProcess, issuer: Issuer, note: Note
) -> None:
    """Ten megabytes as stored, which would be some hundred unfolded."""
    async with serving(serve_in_process, issuer, lineage_database) as lineage:
        await read_log(lineage, note)


async def read_log(lineage: Lineage, note: Note) -> None:
    recorded = await lineage.record(a_report(log=random.Random(7).randbytes(LOG_BYTES)))
    request = pb.GetLineageLogsRequest(lineage_id=recorded.lineage_id)
    first: list[float] = []
    complete: list[float] = []
    for _ in range(LOG_ROUNDS):
        began = time.perf_counter()
        reading = lineage.stub.GetLineageLogs(request, metadata=lineage.person("ada", "viewer"))
        size = 0
        async for body in reading:
            if not size:
                first.append((time.perf_counter() - began) * 1000)
            size += len(body.data)
        complete.append((time.perf_counter() - began) * 1000)
        assert size >= LOG_BYTES
    note("lineage: a log of 10 MB, first byte, median", statistics.median(first), "ms")
    note("lineage: a log of 10 MB, first byte, slowest", max(first), "ms")
    note("lineage: a log of 10 MB, complete, median", statistics.median(complete), "ms")
    note("lineage: a log of 10 MB, complete, slowest", max(complete), "ms")
