"""The product side by side with a FastAPI and SQLAlchemy monolith (`tests/performance/monolith`).

Each is deployed as it would be on this machine: the product as gateway and lead service, the monolith as a
uvicorn worker for each core. Both share the cores, the database server and its settings, the number of
connections to it, the client and its 16 connections, and are measured in turn. They read the same database
and give the same answers, which is asserted. The monolith's audited writes are kept by SQLAlchemy-Continuum,
in a database of the same schema whose triggers are off.

Rates are of as many requests as come back; latencies also of a fixed rate that both can well bear, half of
what the slower one does. CPU times are of all processes and their sessions on the database server together,
which other work on the machine disturbs less.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count, cycle
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from deploy.local.home import CHECKOUT
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.performance.conftest import Note
from tests.performance.leads import fill_with_facts
from tests.performance.load import Ask, Load, load, request
from tests.performance.pairs import Measure, compare
from tests.performance.serving import Running, monolith, product

ROUNDS = int(os.environ.get("MONOLITH_ROUNDS", "16"))
PACED_ROUNDS = 8
SECONDS = 1.5
CLIENTS = 16
WORKERS = os.cpu_count() or 1
_ID = re.compile(rb'"id": *"([0-9a-f-]{36})"')


class Side:
    """One of the two, and what was measured of it."""

    def __init__(self, running: Running, make_ask: Callable[[], Ask]) -> None:
        self.running, self._make_ask = running, make_ask
        self.loads: list[Load] = []

    def measure(self, rate: float = 0) -> Measure:
        """Return what measures it once more, at this rate or as fast as it can."""

        async def once() -> float:
            # Each connection has its own place in what it asks.
            asks = [self._make_ask() for _ in range(CLIENTS)]
            got = await load(self.running.port, asks, seconds=SECONDS, rate=rate)
            self.loads.append(got)
            return got.rate

        return lambda: self.running.costed(once, SECONDS)

    def p99(self) -> float:
        """Return the median of the measurements' p99, the first of which warmed up."""
        return statistics.median(each.p99 for each in self.loads[1:])


async def side_by_side(what: str, ours: Side, theirs: Side, note: Note) -> float:
    """Measure both, and return the product's share of the monolith's rate."""
    found = await compare(ours.measure(), theirs.measure(), ROUNDS)
    note(f"monolith: {what}, product", found.first, "/s")
    note(f"monolith: {what}, FastAPI", found.second, "/s")
    note(f"monolith: {what}, product to FastAPI", found.ratio, "")
    note(f"monolith: {what}, p99 of the product at full rate", ours.p99(), "ms")
    note(f"monolith: {what}, p99 of FastAPI at full rate", theirs.p99(), "ms")
    note(f"monolith: {what}, CPU time of the product", ours.running.microseconds, "µs")
    note(f"monolith: {what}, CPU time of FastAPI", theirs.running.microseconds, "µs")
    for each in (ours, theirs):
        each.loads.clear()
        each.running.costs.clear()
    rate = min(found.first, found.second) / 2
    await compare(ours.measure(rate), theirs.measure(rate), PACED_ROUNDS)
    note(f"monolith: {what}, p99 of the product at {rate:.0f}/s", ours.p99(), "ms")
    note(f"monolith: {what}, p99 of FastAPI at {rate:.0f}/s", theirs.p99(), "ms")
    return found.ratio


async def same_answers(ours: Running, theirs: Running, token: str, ids: list[str]) -> None:
    """Fail if the two do not say the same of some leads and of two pages of a list."""

    async def ask(side: Running, target: str) -> Any:
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{side.port}", headers=headers) as client:
            return (await client.get(target)).raise_for_status().json()

    for each in ids[:5]:
        assert await ask(ours, f"/api/leads/{each}") == await ask(theirs, f"/api/leads/{each}")
    targets = ["/api/leads?page_size=50&created_by=user7"] * 2
    for _ in range(2):
        pages = [await ask(side, target) for side, target in zip((ours, theirs), targets, strict=True)]
        targets = [f"{targets[0]}&page_token={page.pop('next_page_token')}" for page in pages]
        assert [{**each, "facts": [], "suggestions": []} for each in pages[1].pop("leads")] == pages[0].pop(
            "leads"
        )
        assert pages[0] == pages[1]


async def test_reads_against_a_monolith(
    lead_database: TestDatabase, issuer: Issuer, tmp_path: Path, note: Note
) -> None:
    ids = await fill_with_facts(lead_database)
    token = issuer.person("ada", "viewer", exp=int(time.time()) + 3600)
    lead_ids, users = cycle(ids), cycle(range(20))

    def one() -> Ask:
        return lambda _: request("GET", f"/api/leads/{next(lead_ids)}", token)

    def page() -> Ask:
        return lambda _: request("GET", f"/api/leads?page_size=50&created_by=user{next(users)}", token)

    async with (
        product(lead_database, issuer, tmp_path) as ours,
        monolith(lead_database, issuer, tmp_path, workers=WORKERS) as theirs,
    ):
        await same_answers(ours, theirs, token, ids)
        for what, make_ask in (("a lead", one), ("a page of 50", page)):
            share = await side_by_side(what, Side(ours, make_ask), Side(theirs, make_ask), note)
            # The promise is 0.8; what else runs on the machine may blur that.
            assert share > 0.4


async def test_audited_writes_against_a_monolith_with_continuum(
    lead_database: TestDatabase, unaudited_database: TestDatabase, issuer: Issuer, tmp_path: Path, note: Note
) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.performance.monolith.migrate", unaudited_database.owner_url],
        cwd=CHECKOUT,
        env=os.environ | {"MONOLITH_AUDITED": "yes"},
        check=True,
    )
    token = issuer.person("ada", "operator", exp=int(time.time()) + 3600)
    numbers = count()

    def write() -> Ask:
        """Create a lead and change it, in turn."""

        def ask(answer: bytes) -> bytes:
            nonlocal is_there
            is_there = not is_there
            if not is_there:
                found = _ID.search(answer)
                assert found
                changed = json.dumps({"name": "Ada Lovelace"}).encode()
                return request("PATCH", f"/api/leads/{found[1].decode()}", token, changed)
            number = next(numbers)
            lead = {"email": f"ada{number}@example.com", "domain": f"host{number}.example.com", "name": "Ada"}
            return request("POST", "/api/leads", token, json.dumps(lead).encode())

        is_there = False
        return ask

    async with (
        product(lead_database, issuer, tmp_path) as ours,
        monolith(unaudited_database, issuer, tmp_path, workers=WORKERS, is_audited=True) as theirs,
    ):
        share = await side_by_side("an audited write", Side(ours, write), Side(theirs, write), note)
    for database, entries in ((lead_database, "lead_audit"), (unaudited_database, "leads_version")):
        superuser = await asyncpg.connect(database.superuser_url)
        kept = await superuser.fetchval(f"SELECT count(*) FROM {entries}")
        # Both have kept every write.
        assert kept == await superuser.fetchval("SELECT sum(version) FROM leads") > 0
        await superuser.close()
    # The promise is 1.5.
    assert share > 0.7
