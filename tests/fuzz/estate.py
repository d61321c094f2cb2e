"""What a fuzzer finds where it looks: a whole stack with one record of each kind, by the names of its ids."""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.local.home import Home
from deploy.local.keys import workload_token_file
from tests.fixtures.stack import Stack
from tests.report_service.template_files import small, zipped
from tests.site.serving import Site, site_running
from tests.system.test_leads_to_lineage import enriched_lead, finished, get, lineage_of, ordered

# A fuzzer asks more often than anybody may, and for reports on every lead there is.
LIMITS = {
    "REQUESTS_PER_SECOND": "1000000",
    "REQUESTS_AT_ONCE": "1000000",
    "RENDER_WORKERS": "1",
    "REPORT_BATCH_LIMIT": "20",
    "REPORT_QUEUE_LIMIT": "50",
    "REPORT_BATCH_QUEUE_LIMIT": "100",
}


@dataclass(frozen=True)
class Estate:
    """A running stack, tokens for it, and values that mean something to it, by what they are."""

    url: str
    addresses: dict[str, str]
    """Of the gRPC servers, by context."""
    token: str
    """Of an admin."""
    workload_token: str
    """Of `report-worker`."""
    known: dict[str, tuple[str, ...]]


@contextmanager
def opened(home: Path) -> Iterator[Estate]:
    """Run a stack in this home until the block ends."""
    with site_running() as site:
        stack = Stack(home, {**site.settings, "WEBHOOK_NAMESERVERS": site.nameserver, **LIMITS})
        stack.site = site
        try:
            stack.start()
            yield furnished(stack, site)
        finally:
            stack.stop()


def furnished(stack: Stack, site: Site) -> Estate:
    """Make one record of each kind, and return what they are called."""
    token = stack.token("admin")
    known = asyncio.run(_furnish(stack, token))
    workload = workload_token_file(Home(stack.home), "report-worker").read_text()
    return Estate(stack.url, stack.endpoints["grpc"], token, workload, known)


async def _furnish(stack: Stack, token: str) -> dict[str, tuple[str, ...]]:
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as admin:
        lead = await enriched_lead(admin, stack)
        others = [
            (await _made(admin, "/api/leads", email=f"{name}@{stack.domain}"))["id"]
            for name in ("ada", "bob", "eve")
        ]
        await admin.delete(f"/api/leads/{others[2]}")
        report_id = await ordered(admin, lead)
        await finished(admin, report_id)
        lineage = await lineage_of(admin, report_id)
        brought = await admin.post("/api/leads:import", content=f"email\nann@{stack.domain}\nno address\n")
        archive = base64.b64encode(zipped(small())).decode()
        draft = await _made(admin, "/api/templates", name="letter", version="1.0.0", archive=archive)
        webhook = await _made(admin, "/api/webhooks", url=f"https://{stack.domain}/hook")
        delivery = await _made(admin, f"/api/webhooks/{webhook['id']}:test")
        batch = await _made(admin, "/api/reports:batch", lead_ids=others[:1])
        page = await get(admin, "/api/leads?page_size=1")
        audit = await get(admin, f"/api/leads/{lead['id']}/audit")
        accesses = await get(admin, f"/api/lineage/{lineage['lineage_id']}/access")
    return {
        "lead": (lead["id"], *others),
        "report": (report_id,),
        "lineage": (lineage["lineage_id"], report_id),
        "template": (draft["id"], "website_audit@1.0.0"),
        "archive": (archive,),
        "webhook": (webhook["id"],),
        "endpoint": (webhook["id"],),
        "delivery": (delivery["id"],),
        "batch": (batch["id"],),
        "import": (brought.json()["id"],),
        "entry": (audit["entries"][0]["id"], *(each["id"] for each in accesses["accesses"][:1])),
        "digest": (lineage["pdf_sha256"], lineage["inputs_sha256"]),
        "page_token": (page["next_page_token"],),
        "etag": (lead["etag"], webhook["etag"]),
    }


async def _made(admin: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    reply = await admin.post(path, json=body)
    assert reply.status_code == 200, reply.text
    made: dict[str, Any] = reply.json()
    return made
