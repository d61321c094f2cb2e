"""Leads as a team has them after a while: ten thousand, each looked up."""

import asyncpg

from tests.fixtures.postgres import TestDatabase
from tests.performance.test_lists import fill

LEADS = 10_000
_FACTS = """
INSERT INTO lead_facts (lead_id, provider, name, state, values, source, method, reason, observed_at,
    evidence_sha256)
SELECT id, 'dns', 'record_' || n, 'FOUND', ARRAY['192.0.2.' || n, '2001:db8::' || n], 'dns:' || domain,
    'A', '', created_at, md5(id::text || n) || md5(n::text)
FROM leads, generate_series(1, 8) AS n
"""
_SUGGESTIONS = """
INSERT INTO lead_suggestions (id, lead_id, field, value, source, fact, observed_at, state, decided_by)
SELECT gen_random_uuid(), id, 'name', 'Host of ' || name, 'https://' || domain || '/', 'homepage.title',
    created_at, 'OPEN', ''
FROM leads
"""


async def fill_with_facts(database: TestDatabase) -> list[str]:
    """Write the leads, with eight facts and a suggestion each, and return the ids of those that live."""
    await fill(database, LEADS)
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(_FACTS)
    await owner.execute(_SUGGESTIONS)
    await owner.execute("ANALYZE lead_facts, lead_suggestions")
    living = await owner.fetch("SELECT id FROM leads WHERE deleted_at IS NULL ORDER BY md5(id::text)")
    await owner.close()
    return [str(each["id"]) for each in living]
