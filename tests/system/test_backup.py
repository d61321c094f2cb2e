"""Promise: what was dumped while reports were being made is restored into a new home, and all of it holds.

Dumped and restored as docs/operations.md has it, with the pg_dump that comes with PostgreSQL's wheel.
"""

import asyncio
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.postgres import _program
from services.evidence.notes import Signer
from tests.fixtures.stack import Stack
from tests.site.serving import Site
from tests.system.test_leads_to_lineage import (
    enriched_lead,
    eventually,
    finished,
    get,
    lineage_of,
    ordered,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

LOGS = {"leads": "lead", "lineage": "lineage"}
"""Each log, and the database that it is in."""


def postgres(program: str, *arguments: str) -> None:
    ran = subprocess.run([_program(program), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def client(stack: Stack, role: str = "admin") -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {stack.token(role)}"}
    return httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=30, trust_env=False)


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with client(stack) as opened:
        yield opened


@pytest.fixture
def backup() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lf-backup-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def restored(stack: Stack) -> Iterator[Stack]:
    """A home that nothing was started in yet, beside the same site."""
    home = Path(tempfile.mkdtemp(prefix="lf-restored-"))
    site = stack.site
    assert isinstance(site, Site)
    made = Stack(home, site.settings)
    made.site = site
    yield made
    made.stop()
    shutil.rmtree(home)


def save(stack: Stack, backup: Path) -> None:
    """Who points to something before what it points to."""
    shutil.copytree(stack.home / "checkpoints", backup / "checkpoints")
    for context in ("report", "lineage", "lead"):
        url = stack.endpoints["databases"][context]
        postgres("pg_dump", "--format=custom", f"--file={backup / context}.dump", url)
    for folder in ("objects", "keys"):
        shutil.copytree(stack.home / folder, backup / folder)


def restore(stack: Stack, backup: Path) -> None:
    """Objects before rows; then the databases, in place of the empty ones of a stack that has just begun."""
    for folder in ("keys", "objects"):
        shutil.copytree(backup / folder, stack.home / folder)
    stack.start()
    for context in ("lead", "lineage", "report"):
        url = stack.endpoints["databases"][context]
        server = f"{url.rpartition('/')[0]}/postgres"
        drop, create = (
            f"DROP DATABASE {context} WITH (FORCE)",
            f"CREATE DATABASE {context} OWNER {context}_owner",
        )
        postgres("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", drop, "-c", create, server)
        dump = str(backup / f"{context}.dump")
        postgres("pg_restore", f"--dbname={url}", "--exit-on-error", "--single-transaction", dump)
    stack.stop()
    # Not before: an empty log beside these checkpoints would be one that was cut.
    shutil.copytree(backup / "checkpoints", stack.home / "checkpoints", dirs_exist_ok=True)
    stack.start()


async def all_reports(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    found = await api.get("/api/reports", params={"page_size": 200})
    reports: list[dict[str, Any]] = found.json()["reports"]
    return reports


async def damages(stack: Stack, log: str, checkpoints: Path) -> list[str]:
    """Check a restored log as `python -m services.evidence verify DSN` does."""
    key = Signer.from_pem(f"leadfactory.local/{log}", stack.home / "keys" / f"{log}-log.pem").key
    checked = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.evidence", "verify", stack.endpoints["databases"][LOGS[log]]),
        *("--key", str(key), "--checkpoints", str(checkpoints)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await checked.communicate()
    return [] if checked.returncode == 0 else said.decode().splitlines()


async def test_a_backup_of_a_busy_stack_is_restored_and_nothing_is_missing(
    api: httpx.AsyncClient, stack: Stack, restored: Stack, backup: Path
) -> None:
    lead = await enriched_lead(api, stack, "backup")
    made = [await ordered(api, lead) for _ in range(3)]
    for report_id in made:
        assert (await finished(api, report_id, 120))["status"] == "COMPLETED"
        await lineage_of(api, report_id)
    # These are under way while the copies are made.
    for _ in range(4):
        await ordered(api, lead)
    await asyncio.to_thread(save, stack, backup)
    kept = stack.home / "checkpoints" / "leads"
    size = kept.stat().st_size
    await enriched_lead(api, stack, "lost")
    await eventually(lambda: asyncio.to_thread(kept.stat), lambda now: now.st_size > size)
    await asyncio.to_thread(restore, restored, backup)

    async with client(restored) as there:
        reports = await eventually(
            lambda: all_reports(there),
            lambda found: {each["status"] for each in found} <= {"COMPLETED", "FAILED", "CANCELLED"},
            180,
        )
        by_id = {each["id"]: each for each in reports}
        assert set(made) <= set(by_id)
        completed = [each for each in reports if each["status"] == "COMPLETED"]
        assert len(completed) >= 3

        coverage = await eventually(
            lambda: get(there, "/api/lineage:coverage"), lambda found: found.get("pending") == 0
        )
        assert (coverage["complete"], coverage["differences"]) == (True, [])
        assert coverage["lineages"] == coverage["recorded"] == coverage["completed"] >= len(completed)
        for report in completed:
            pdf = (await there.get(f"/api/reports/{report['id']}/pdf")).content
            assert hashlib.sha256(pdf).hexdigest() == report["pdf_sha256"]
            lineage = await lineage_of(there, report["id"])
            assert lineage["pdf_sha256"] == report["pdf_sha256"]
        found = await there.post(
            "/api/lineage:lookup", content=pdf, headers={"content-type": "application/pdf"}
        )
        assert found.json()["verdict"] == "GENUINE"
        assert (await get(there, f"/api/leads/{lead['id']}"))["email"] == lead["email"]
        # It goes on: another lead is looked up, and its report made.
        another = await enriched_lead(there, restored, "after")
        report_id = await ordered(there, another)
        assert (await finished(there, report_id, 120))["status"] == "COMPLETED"
        await lineage_of(there, report_id)

    for log in LOGS:
        assert await damages(restored, log, backup / "checkpoints" / log) == []
        assert await damages(restored, log, restored.home / "checkpoints" / log) == []
    # What was written after the dump is lost, and the checkpoints that were kept elsewhere tell.
    assert await damages(restored, "leads", kept) != []
