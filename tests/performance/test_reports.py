"""How long a report takes from the request to COMPLETED, against rendering its page and nothing else."""

import gzip
import json
import statistics
import time
from datetime import datetime

import httpx

from report_service import payload
from report_service.rendering import bundles
from report_service.rendering.pool import PdfIdentity, RenderPool
from tests.fixtures.stack import Stack
from tests.performance.conftest import Note
from tests.system.test_leads_to_lineage import enriched_lead, eventually, get, ordered

RUNS = 15
# The smallest report that there is.
SHORT = "1.0.0"


async def bare_render(inputs: bytes) -> float:
    """Seconds of one render, without queue, database, store or lineage."""
    bundle = bundles.find("website_audit")
    zero = "00000000-0000-7000-8000-000000000000"
    identity = PdfIdentity(
        zero, zero, zero, "run", bundle.template_version_id, bundle.digest, payload.sha256(inputs)
    )
    pool = RenderPool(1)
    await pool.start()
    try:
        return statistics.median([(await pool.render(bundle, inputs, identity)).seconds for _ in range(RUNS)])
    finally:
        await pool.close()


async def rendered(api: httpx.AsyncClient, report_id: str) -> float:
    """Seconds that WeasyPrint took for a report, by the report's own log."""
    lineage = await eventually(
        lambda: get(api, f"/api/lineage/{report_id}"), lambda reply: reply["http"] == 200
    )
    log = await api.get(f"/api/lineage/{lineage['lineage_id']}/logs")
    lines = [json.loads(line) for line in log.text.splitlines()]
    return float(sum(line["seconds"] for line in lines if line["event"] == "render.step"))


async def test_a_short_report_against_its_own_render(stack: Stack, note: Note) -> None:
    """Both of the same report, so that a slow moment of the machine meets both."""
    headers = {"authorization": f"Bearer {stack.token('operator')}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=30, trust_env=False) as api:
        lead = await enriched_lead(api, stack, "short")
        pairs, pages = [], set()
        for _ in range(RUNS):
            report_id = await ordered(api, lead, template_version=SHORT)
            report = await eventually(
                lambda report_id=report_id: get(api, f"/api/reports/{report_id}"),  # type: ignore[misc]
                lambda report: report.get("status") == "COMPLETED",
            )
            began, ended = (datetime.fromisoformat(report[name]) for name in ("created_at", "completed_at"))
            pairs.append(((ended - began).total_seconds(), await rendered(api, report_id)))
            pages.add(report["page_count"])
    whole, part = (statistics.median(each) for each in zip(*pairs, strict=True))
    note(f"report of {max(pages)} pages: created to completed, median", whole, "s")
    note(f"report of {max(pages)} pages: WeasyPrint's part, median", part, "s")
    ratio = statistics.median(each / its_render for each, its_render in pairs)
    note("report: created to completed, to WeasyPrint's part, median", ratio, "times")


async def test_a_report_end_to_end(stack: Stack, note: Note) -> None:
    headers = {"authorization": f"Bearer {stack.token('operator')}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=30, trust_env=False) as api:
        lead = await enriched_lead(api, stack, "bench")
        taken = []
        for _ in range(RUNS):
            began = time.perf_counter()
            report_id = await ordered(api, lead)
            report = await eventually(
                lambda report_id=report_id: get(api, f"/api/reports/{report_id}"),  # type: ignore[misc]
                lambda report: report.get("status") == "COMPLETED",
            )
            taken.append(time.perf_counter() - began)
        lineage = await eventually(
            lambda: get(api, f"/api/lineage/{report['id']}"), lambda reply: reply["http"] == 200
        )
        raw = await api.get(f"/api/lineage/{lineage['lineage_id']}/download")
        inputs = gzip.decompress(raw.content)
        assert payload.sha256(inputs) == lineage["inputs_sha256"]
        bare = await bare_render(inputs)
    note("report: request to COMPLETED, median, polled every 100 ms", statistics.median(taken), "s")
    note("report: the same page rendered and nothing else, median", bare, "s")
