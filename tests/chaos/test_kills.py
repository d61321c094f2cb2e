"""Promise: whatever is killed, whenever, no completed report is without its lineage, and none has two.

`make test` runs it with 60 reports and 12 kills, `make chaos` with 1,000 and 200; `CHAOS_REPORTS` and
`CHAOS_KILLS` say otherwise, and `CHAOS_SEED` repeats a run.
"""

import asyncio
import base64
import os
import random
import signal
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from tests.fixtures.stack import Stack
from tests.report_service.template_files import small, zipped
from tests.system.test_leads_to_lineage import counted, enriched_lead, eventually, finished

LETTER = "letter"
VICTIMS = ("report-worker", "report", "lineage", "lineage-worker")
REPORTS = int(os.environ.get("CHAOS_REPORTS", "60"))
KILLS = int(os.environ.get("CHAOS_KILLS", "12"))
# Each kill costs the work under way, and the start of what was killed.
PATIENCE = 300.0 + REPORTS + 5 * KILLS
SEED = int(os.environ.get("CHAOS_SEED", str(random.randrange(10**6))))

pytestmark = [pytest.mark.system, pytest.mark.timeout(2 * PATIENCE)]


async def publish_letter(stack: Stack) -> None:
    """Publish a template of one page: what counts is how many reports there are, and how close together."""
    bundle = {"name": LETTER, "version": "1.0.0", "archive": base64.b64encode(zipped(small())).decode()}
    headers = {"authorization": f"Bearer {stack.token('admin')}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as admin:
        for path, body in (("/api/templates", bundle), (f"/api/templates/{LETTER}@1.0.0:publish", {})):
            reply = await admin.post(path, json=body)
            assert reply.status_code == 200, reply.text


async def order(api: httpx.AsyncClient, lead_id: str, template: str) -> str:
    """Ask for a report until somebody takes the order."""
    wanted = {"lead_id": lead_id, "template": template, "template_version": "1.0.0"}

    async def ask() -> httpx.Response:
        return await api.post("/api/reports", json=wanted)

    # While the queue is full, nobody does.
    reply: httpx.Response = await eventually(ask, lambda reply: reply.status_code == 200, PATIENCE)
    return str(reply.json()["id"])


async def unfinished(stack: Stack) -> int:
    """Count what is still to be made."""
    connection = await asyncpg.connect(stack.endpoints["databases"]["report"])
    try:
        return int(
            await connection.fetchval("SELECT count(*) FROM reports WHERE status IN ('QUEUED', 'RUNNING')")
        )
    finally:
        await connection.close()


async def kill_at_random(stack: Stack, dice: random.Random, done: asyncio.Event) -> list[str]:
    killed = []
    while len(killed) < KILLS and not done.is_set():
        await asyncio.sleep(dice.uniform(0.2, 2.0))
        victim = dice.choice(VICTIMS)
        try:
            os.kill(stack.pid(victim), signal.SIGKILL)
        except ProcessLookupError:
            continue
        killed.append(victim)
    return killed


async def test_random_kills_lose_nothing_and_double_nothing(stack: Stack) -> None:
    dice, done = random.Random(SEED), asyncio.Event()
    headers = {"authorization": f"Bearer {stack.token('operator')}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=30, trust_env=False) as api:
        lead = await enriched_lead(api, stack, "chaos")
        await publish_letter(stack)
        killer = asyncio.create_task(kill_at_random(stack, dice, done))
        # One in ten is long, so that a kill meets renders of both kinds.
        templates = [LETTER if number % 10 else "website_audit" for number in range(REPORTS)]
        acknowledged = [await order(api, lead["id"], each) for each in templates]
        await eventually(partial(unfinished, stack), lambda count: count == 0, PATIENCE)
        done.set()
        killed = await killer
        ended = [await finished(api, each) for each in acknowledged]

        async def balance() -> tuple[int, int, int]:
            return await counted(stack)

        completed, recorded, _ = await eventually(balance, lambda counts: counts[2] == 0)
        outcomes: dict[str, int] = {}
        for report in ended:
            outcomes[report["status"]] = outcomes.get(report["status"], 0) + 1
        print(f"seed {SEED}: {len(killed)} kills, {outcomes}, completed {completed} = recorded {recorded}")
        assert completed == recorded
        assert all(report["status"] == "COMPLETED" or report["error"] for report in ended)
        assert {report["id"] for report in ended} == set(acknowledged)
        await assert_every_record_matches_its_report(stack, ended)


async def assert_every_record_matches_its_report(stack: Stack, reports: list[dict[str, Any]]) -> None:
    """Compare the PDF digests of both sides."""
    connection = await asyncpg.connect(stack.endpoints["databases"]["lineage"])
    try:
        rows = await connection.fetch(
            "SELECT report_generation_id::text AS id, pdf_sha256 FROM lineage_records"
        )
    finally:
        await connection.close()
    recorded = {row["id"]: row["pdf_sha256"] for row in rows}
    assert len(recorded) == len(rows)
    for report in reports:
        if report["status"] == "COMPLETED":
            digest = recorded[report["id"]]
            assert (digest.hex() if isinstance(digest, bytes) else digest) == report["pdf_sha256"]
