"""Promise: a list of any length says about how long it is, at the price of a short one."""

import asyncpg

from report_service.domain import ReportFilter, ReportStores, Status
from report_service.repository import COUNTED
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase


async def test_a_long_list_is_estimated_by_the_planner(
    report_database: TestDatabase, report_stores: ReportStores
) -> None:
    lead_id = uuid7()
    connection = await asyncpg.connect(report_database.superuser_url)
    await connection.execute(
        "INSERT INTO reports SELECT gen_random_uuid(), gen_random_uuid(), $1, 'x', 'run', 'a@1.0.0',"
        " repeat('a', 64), NULL, 'en', 'FAILED', 0, '', 'no', 1, NULL, NULL, NULL, NULL, NULL, 'NONE',"
        " 'ada', now(), now() FROM generate_series(1, $2)",
        lead_id,
        5 * COUNTED,
    )
    await connection.execute("ANALYZE reports")
    await connection.close()
    wanted = [ReportFilter(), ReportFilter(lead_id), ReportFilter(lead_id, Status.FAILED)]
    async with report_stores.read() as store:
        for each in wanted:
            assert 4 * COUNTED <= await store.estimate(each) <= 6 * COUNTED
        assert await store.estimate(ReportFilter(lead_id, Status.QUEUED)) == 0
        assert await store.estimate(ReportFilter(uuid7())) == 0
