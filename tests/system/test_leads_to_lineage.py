"""Promise: one command takes a real domain to a PDF with lineage, and no crash loses a report's lineage.

The whole stack runs as processes (`python -m deploy.local up`) against a real site, a real DNS
server and a certificate of its own, all on loopback; the tests speak HTTP to the gateway alone and
look into the databases only to count.
"""

import asyncio
import gzip
import hashlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import httpx
import psutil
import pytest

from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PATIENCE = 60


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {stack.token('operator')}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


async def eventually(ask: Callable[[], Any], good: Callable[[Any], bool], patience: float = PATIENCE) -> Any:
    """Ask until the answer is good; a stack that is being restarted may refuse meanwhile."""
    deadline, answer = time.monotonic() + patience, None
    while time.monotonic() < deadline:
        try:
            answer = await ask()
        except httpx.TransportError as error:
            answer = error
        else:
            if good(answer):
                return answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {patience} s: {answer!r}")


async def get(api: httpx.AsyncClient, path: str) -> dict[str, Any]:
    reply = await api.get(path)
    return {"http": reply.status_code, **reply.json()}


async def enriched_lead(api: httpx.AsyncClient, stack: Stack, name: str = "hello") -> dict[str, Any]:
    made = await api.post("/api/leads/quick-add", json={"email": f"{name}@{stack.domain}"})
    assert made.status_code == 200, made.text
    lead: dict[str, Any] = await eventually(
        lambda: get(api, f"/api/leads/{made.json()['id']}"),
        lambda lead: lead.get("enrichment_status") in {"COMPLETED", "FAILED"},
    )
    return lead


async def finished(api: httpx.AsyncClient, report_id: str, patience: float = PATIENCE) -> dict[str, Any]:
    report: dict[str, Any] = await eventually(
        lambda: get(api, f"/api/reports/{report_id}"),
        lambda report: report.get("status") in {"COMPLETED", "FAILED"},
        patience,
    )
    return report


async def ordered(api: httpx.AsyncClient, lead: dict[str, Any], **more: Any) -> str:
    reply = await api.post("/api/reports", json={"lead_id": lead["id"], **more})
    assert reply.status_code == 200, reply.text
    assert reply.json()["status"] == "QUEUED"
    return str(reply.json()["id"])


async def lineage_of(api: httpx.AsyncClient, report_id: str, patience: float = PATIENCE) -> dict[str, Any]:
    found: dict[str, Any] = await eventually(
        lambda: get(api, f"/api/lineage/{report_id}"), lambda reply: reply["http"] == 200, patience
    )
    return found


async def counted(stack: Stack) -> tuple[int, int, int]:
    """Count completed reports, lineage records of PDFs, and pending deliveries."""
    databases = stack.endpoints["databases"]
    report = await asyncpg.connect(databases["report"])
    lineage = await asyncpg.connect(databases["lineage"])
    try:
        return (
            await report.fetchval("SELECT count(*) FROM reports WHERE status = 'COMPLETED'"),
            await lineage.fetchval("SELECT count(*) FROM lineage_records WHERE pdf_sha256 <> ''"),
            await report.fetchval("SELECT count(*) FROM lineage_outbox"),
        )
    finally:
        await report.close()
        await lineage.close()


async def test_a_lead_becomes_a_pdf_whose_numbers_lead_back_to_their_source(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    lead = await enriched_lead(api, stack)
    assert lead["enrichment_status"] == "COMPLETED"
    facts = {(fact["provider"], fact["name"]): fact for fact in lead["facts"]}
    assert facts["dns", "a"]["values"] == ["127.0.0.1"]
    assert facts["homepage", "status"]["state"] == "FOUND"
    assert facts["tls", "certificate.not_after"]["state"] == "FOUND"
    assert all(fact["source"] and fact["observed_at"] for fact in lead["facts"])

    report_id = await ordered(api, lead, pipeline_run_id="run-1", assessment_data={"note": "≥ 1 µs"})
    report = await finished(api, report_id)
    assert report["status"] == "COMPLETED", report
    assert 10 <= report["page_count"] <= 20

    pdf = await api.get(report["pdf_url"])
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    assert hashlib.sha256(pdf.content).hexdigest() == report["pdf_sha256"]
    assert len(pdf.content) == report["pdf_size_bytes"]

    lineage = await lineage_of(api, report_id)
    triplet = (lineage["lead_id"], lineage["pipeline_run_id"], lineage["template_version_id"])
    assert triplet == (lead["id"], "run-1", report["template_version_id"])
    assert lineage["pdf_sha256"] == report["pdf_sha256"]

    raw = await api.get(f"/api/lineage/{lineage['lineage_id']}/download")
    inputs = gzip.decompress(raw.content)
    assert hashlib.sha256(inputs).hexdigest() == lineage["inputs_sha256"]
    assert json.loads(inputs)["lead"]["id"] == lead["id"]
    assert json.loads(inputs)["assessment_data"] == {"note": "≥ 1 µs"}

    logs = await api.get(f"/api/lineage/{lineage['lineage_id']}/logs")
    assert logs.headers["content-encoding"] == "gzip"
    assert all(json.loads(line) for line in logs.text.splitlines())

    again = await lineage_of(api, report_id)
    assert again["access_count"] == lineage["access_count"] + 3


async def test_a_pdf_is_served_in_ranges_and_not_twice_to_who_has_it(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    report = await finished(api, await ordered(api, await enriched_lead(api, stack, "range")))
    whole = await api.get(report["pdf_url"])
    etag = whole.headers["etag"]
    assert report["pdf_sha256"] in etag
    part = await api.get(report["pdf_url"], headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    assert (await api.get(report["pdf_url"], headers={"if-none-match": etag})).status_code == 304
    beyond = await api.get(report["pdf_url"], headers={"range": f"bytes={len(whole.content)}-"})
    assert beyond.status_code == 416


async def test_with_the_lineage_service_stopped_reports_complete_and_their_lineage_arrives_later(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    lead = await enriched_lead(api, stack, "outage")
    stopped = stack.pid("lineage")
    os.kill(stopped, signal.SIGSTOP)
    try:
        reports = [await ordered(api, lead) for _ in range(3)]
        done = [await finished(api, each) for each in reports]
        assert {each["status"] for each in done} == {"COMPLETED"}
        assert {each["lineage_status"] for each in done} == {"PENDING"}
        completed, recorded, pending = await counted(stack)
        assert pending >= 3
        assert completed == recorded + pending
    finally:
        os.kill(stopped, signal.SIGCONT)
    for each in reports:
        await lineage_of(api, each)
        await eventually(
            lambda each=each: get(api, f"/api/reports/{each}"),  # type: ignore[misc]
            lambda report: report.get("lineage_status") == "RECORDED",
        )


@pytest.mark.parametrize(
    "process",
    ["report-worker", "report", "lineage", "lineage-worker", "lead", "lead-worker", "gateway", "postgres"],
)
async def test_whichever_process_is_killed_comes_back_and_the_report_and_its_lineage_are_whole(
    process: str, api: httpx.AsyncClient, stack: Stack
) -> None:
    lead = await enriched_lead(api, stack, f"kill-{process}")
    report_id = await ordered(api, lead)
    await asyncio.sleep(0.15)
    before = stack.pid(process)
    os.kill(before, signal.SIGKILL)
    report = await finished(api, report_id, patience=90)
    assert report["status"] == "COMPLETED" or report["error"]
    if report["status"] == "COMPLETED":
        assert (await lineage_of(api, report_id))["pdf_sha256"] == report["pdf_sha256"]

    async def restarted() -> int:
        return stack.pid(process)

    after = await eventually(restarted, lambda pid: pid not in {0, before})
    os.kill(after, 0)

    async def balance() -> tuple[int, int, int]:
        try:
            return await counted(stack)
        except (OSError, asyncpg.PostgresError):
            return (0, 1, 1)

    await eventually(balance, lambda counts: counts[0] == counts[1] + counts[2])
    await eventually(lambda: api.get("/readyz"), lambda reply: reply.status_code == 200)


BAD = {
    "an unknown query key": ("GET", "/api/leads?colour=red", None, "colour"),
    "an e-mail that is none": ("POST", "/api/leads/quick-add", {"email": "nobody"}, "email"),
    "no e-mail": ("POST", "/api/leads/quick-add", {}, "email"),
    "a NUL byte": ("POST", "/api/leads", {"email": "a@docs.test", "name": "a\0b"}, "name"),
    "a name of a megabyte": ("POST", "/api/leads", {"email": "a@docs.test", "name": "x" * 1_000_000}, "name"),
    "an unknown field": ("POST", "/api/leads", {"email": "a@docs.test", "colour": "red"}, "colour"),
    "a number for a text": ("POST", "/api/leads", {"email": 7}, "email"),
    "an unknown lead": ("GET", "/api/leads/0190a0f0-0000-7000-8000-000000000000", None, "lead"),
    "an id that is none": ("GET", "/api/leads/42", None, "id"),
    "a report on an unknown lead": (
        "POST",
        "/api/reports",
        {"lead_id": "0190a0f0-0000-7000-8000-000000000000"},
        "lead",
    ),
    "an unknown template": ("POST", "/api/reports", {"lead_id": "LEAD", "template": "no_such"}, "template"),
    "an unknown report": ("GET", "/api/reports/0190a0f0-0000-7000-8000-000000000000/pdf", None, "report"),
    "lineage of an unknown report": (
        "GET",
        "/api/lineage/0190a0f0-0000-7000-8000-000000000000",
        None,
        "lineage",
    ),
    "a page token of nobody's": ("GET", "/api/leads?page_token=AAAA", None, "page_token"),
    "a negative page": ("GET", "/api/leads?page_size=-1", None, "page_size"),
    "a status that is none": ("GET", "/api/leads?enrichment_status=GREAT", None, "enrichment_status"),
}


@pytest.mark.parametrize(("method", "path", "body", "named"), BAD.values(), ids=BAD.keys())
async def test_bad_input_is_refused_with_the_field_or_the_thing_named(
    method: str, path: str, body: Any, named: str, api: httpx.AsyncClient, stack: Stack
) -> None:
    if body and body.get("lead_id") == "LEAD":
        body = {**body, "lead_id": (await enriched_lead(api, stack, "bad"))["id"]}
    reply = (
        await api.request(method, path, json=body) if body is not None else await api.request(method, path)
    )
    assert 400 <= reply.status_code < 500, reply.text
    error = reply.json()["error"]
    assert error["code"] == reply.status_code
    assert named in json.dumps(error)


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer hello", "Basic YWRhOmFkYQ=="])
async def test_a_wrong_token_is_told_apart_from_a_missing_right(token: str, stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
        refused = await client.get("/api/leads", headers={"authorization": token})
        assert refused.status_code == 401
        assert refused.json()["error"]["status"] == "UNAUTHENTICATED"
        viewer = {"authorization": f"Bearer {stack.token('viewer')}"}
        assert (await client.get("/api/leads", headers=viewer)).status_code == 200
        denied = await client.post("/api/leads", headers=viewer, json={"email": "a@docs.test"})
        assert denied.status_code == 403


async def test_the_idle_stack_stays_under_900_megabytes(stack: Stack) -> None:
    total = 0
    for name in (
        "postgres",
        "lead",
        "lead-worker",
        "report",
        "report-worker",
        "lineage",
        "lineage-worker",
        "gateway",
    ):
        process = psutil.Process(stack.pid(name))
        for each in [process, *process.children(recursive=True)]:
            # Proportional: PostgreSQL's processes share their buffers, Python's their libraries.
            total += each.memory_full_info().pss
    assert total < 900 * 1024 * 1024, f"{total / 1024 / 1024:.0f} MiB"
