"""How long a report takes from the request to COMPLETED, against rendering its page and nothing else."""

import gzip
import statistics
import time

import httpx

from report_service import payload
from report_service.rendering import bundles
from report_service.rendering.pool import PdfIdentity, RenderPool
from tests.fixtures.stack import Stack
from tests.performance.conftest import Note
from tests.system.test_leads_to_lineage import enriched_lead, eventually, get, ordered

RUNS = 15


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
