"""Whether a page of leads costs the same among many as among few: by every filter and order, at any depth.

BENCH_LEADS is how many "many" are: 100,000 unless it says otherwise. The promise is about 1,000,000, which
take minutes to be written: p99 among these is at most 1.5 times that among 10,000. Each page is asked for
alternately here and there, a few times over. What is asserted is about the median of these pairs, and, of
each page's quickest time, about p99: what else the machine does slows single pages down, hardly all of them.
"""

import os
import statistics
import time
from datetime import UTC, datetime, timedelta
from itertools import product

import asyncpg

from lead_service.domain import LeadFilter, Order, OrderKey, Position
from lead_service.facts import EnrichmentStatus
from lead_service.lists import page_of_rows
from lead_service.repository import PostgresLeadStore
from services.database import Database
from tests.fixtures.postgres import TestDatabase
from tests.performance.conftest import Note

FEW = 10_000
MANY = int(os.environ.get("BENCH_LEADS", "100000"))
TURNS = 3
MOST_MEDIAN, MOST_P99 = 1.5, 2
"""What a page among many may take of one among few: 1.5 is promised, p99 leaves room for a busy machine."""
DEPTHS = (0, 0.3, 0.9)
PAGE = 50
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)

# A lead a minute. Of a hundred one is typed in, one has failed, two are deleted; every domain has five.
FILL = """
INSERT INTO leads (id, email, domain, name, is_manual, enrichment_status, enrichment_attempts,
    enrichment_error, enriched_at, created_by, created_at, updated_at, version, deleted_at)
SELECT gen_random_uuid(), substr(md5(n::text), 1, 12) || '.' || n || '@host' || n / 5 || '.example',
    'host' || n / 5 || '.example', 'Lead ' || md5((n * 7)::text), n % 100 = 1,
    CASE n % 100 WHEN 2 THEN 'FAILED' WHEN 3 THEN 'PENDING' ELSE 'COMPLETED' END, 1,
    CASE n % 100 WHEN 2 THEN 'broken' ELSE '' END, $2::timestamptz, 'user' || n % 20,
    $2::timestamptz - n * interval '1 minute', $2, 1, CASE WHEN n % 50 = 4 THEN $2::timestamptz END
FROM generate_series(1, $1::integer) AS n
"""

# The lead in the middle has these, among few and among many.
HOST = "host777.example"
FILTERS = {
    "none": LeadFilter(),
    "deleted too": LeadFilter(show_deleted=True),
    "is_manual": LeadFilter(is_manual=True),
    "not is_manual": LeadFilter(is_manual=False),
    "enrichment_status": LeadFilter(enrichment_status=EnrichmentStatus.FAILED),
    "created_by": LeadFilter(created_by="user7"),
    "domain": LeadFilter(domain=HOST),
    "email": LeadFilter(email="C4CA4238A0B9.1@HOST0.example"),
    "q, rare": LeadFilter(q="host777."),
    "q, common": LeadFilter(q="lead"),
    "q, absent": LeadFilter(q="nobody has this"),
    "a day": LeadFilter(created_after=NEWEST - timedelta(days=2), created_before=NEWEST - timedelta(days=1)),
    "created_before": LeadFilter(created_before=NEWEST - timedelta(days=3)),
    "domain and created_by": LeadFilter(domain=HOST, created_by="user7"),
    "is_manual and created_by": LeadFilter(is_manual=True, created_by="user1"),
    "is_manual and enrichment_status": LeadFilter(
        is_manual=True, enrichment_status=EnrichmentStatus.COMPLETED
    ),
}
ORDERS = [Order(key, descending) for key, descending in product(OrderKey, (True, False))]


async def fill(database: TestDatabase, leads: int) -> None:
    """Write leads without their audit, and index them afterwards, which is many times as fast."""
    owner = await asyncpg.connect(database.owner_url)
    indexes = await owner.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'leads' AND indexname <> 'pk_leads'"
    )
    await owner.execute("ALTER TABLE leads DISABLE TRIGGER USER")
    for index in indexes:
        await owner.execute(f"DROP INDEX {index['indexname']}")
    await owner.execute(FILL, leads, NEWEST)
    for index in indexes:
        await owner.execute(index["indexdef"])
    await owner.execute("ALTER TABLE leads ENABLE TRIGGER USER")
    await owner.execute("VACUUM ANALYZE leads")
    await owner.close()


async def place(database: Database, wanted: LeadFilter, order: Order, depth: float) -> Position | None:
    """Return the place behind which that share of the list lies."""
    if not depth:
        return None
    async with database.read() as session:
        matching = (await PostgresLeadStore(session).page(wanted, 1, None)).total_estimate
        statement, values = page_of_rows(wanted, int(depth * matching) + 1, None, order)
        row = (await session.execute(statement.offset(int(depth * matching)), values)).first()
    return None if row is None else Position(getattr(row, order.key), row.id)


async def milliseconds(database: Database, wanted: LeadFilter, after: Position | None, order: Order) -> float:
    began = time.perf_counter()
    async with database.read() as session:
        await PostgresLeadStore(session).page(wanted, PAGE, after, order)
    return (time.perf_counter() - began) * 1000


async def test_a_page_among_many_against_one_among_few(
    lead_database: TestDatabase, other_database: TestDatabase, note: Note
) -> None:
    few = Database(lead_database.url, name="bench", statement_timeout=600)
    many = Database(other_database.url, name="bench", statement_timeout=600)
    await fill(lead_database, FEW)
    await fill(other_database, MANY)
    taken: list[tuple[float, float]] = []
    quickest: list[tuple[float, float]] = []
    slowest: dict[str, float] = {}
    for (name, wanted), order, depth in product(FILTERS.items(), ORDERS, DEPTHS):
        places = [await place(database, wanted, order, depth) for database in (few, many)]
        pairs = [
            (
                await milliseconds(few, wanted, places[0], order),
                await milliseconds(many, wanted, places[1], order),
            )
            for _ in range(TURNS)
        ]
        taken += pairs
        few_ms, many_ms = (min(each) for each in zip(*pairs, strict=True))
        quickest.append((few_ms, many_ms))
        slowest[f"{name} by {order}"] = max(slowest.get(f"{name} by {order}", 0), many_ms)
    await few.close()
    await many.close()
    ranks = [statistics.quantiles(each, n=100)[98] for each in zip(*taken, strict=True)]
    note(f"lists: p99 of a page among {FEW:,} leads", ranks[0], "ms")
    note(f"lists: p99 of a page among {MANY:,} leads", ranks[1], "ms")
    note("lists: the one to the other", ranks[1] / ranks[0], "")
    median = statistics.median(b / a for a, b in taken)
    note("lists: median of the ratios of pairs", median, "")
    best = [statistics.quantiles(each, n=100)[98] for each in zip(*quickest, strict=True)]
    note("lists: the one to the other, of each page's quickest time", best[1] / best[0], "")
    name = max(slowest, key=lambda each: slowest[each])
    note(f"lists: slowest among {MANY:,}, {name}", slowest[name], "ms")
    assert median < MOST_MEDIAN
    assert best[1] / best[0] < MOST_P99
