"""Writes the sample inputs of the website audit anew, from what the real providers say of the site's bakery.

    python -m tests.site.sample

The trial zone's names and addresses become those that are reserved for documentation.
"""

import asyncio
import json
import os
from datetime import UTC, datetime
from typing import Any, Final

from lead_service.enrichment import look_up
from lead_service.facts import Fact, Subject
from lead_service.settings import WorkerSettings
from lead_service.worker import providers
from report_service.assessment import assess, to_json
from report_service.rendering import bundles
from tests.site.serving import serve_site

SEEN: Final = datetime(2026, 11, 21, 7, 58, 3, tzinfo=UTC)
_NAMES: Final = {
    "bakery.leadfactory.test": "northwind-bakery.example",
    "mail.docs.leadfactory.test": "mx1.mail-hosting.example",
    "backup.docs.leadfactory.test": "mx2.mail-hosting.example",
    "_spf.leadfactory.test": "_spf.mail-hosting.example",
    "leadfactory.test": "dns-hosting.example",
    "127.0.0.1": "192.0.2.44",
    "LeadFactory trial authority": "Documentation Authority",
}


def _told(fact: Fact) -> dict[str, Any]:
    text = json.dumps(
        {
            "provider": fact.provider,
            "name": fact.name,
            "state": fact.state.value,
            "values": list(fact.values),
            "source": fact.source,
            "method": fact.method,
            "reason": fact.reason,
            "observed_at": SEEN.isoformat().replace("+00:00", "Z"),
            "evidence_sha256": fact.evidence_sha256,
        },
        ensure_ascii=False,
    )
    for ours, documented in _NAMES.items():
        text = text.replace(ours, documented)
    return dict(json.loads(text))


async def main() -> None:
    path = bundles.find("website_audit").path / "sample.json"
    sample = json.loads(path.read_bytes())
    async with serve_site() as site:
        os.environ.update(site.settings)
        # Nothing is read from it; the settings ask for one.
        os.environ.setdefault("LEAD_DATABASE_URL", "postgresql://nobody@localhost/lead")
        domain = site.host("bakery")
        facts = await look_up(providers(WorkerSettings.load()), Subject(domain, f"hello@{domain}"), 10)
    lead = sample["lead"]
    lead["facts"] = sorted(map(_told, facts), key=lambda fact: (fact["provider"], fact["name"]))
    sample["assessment"] = to_json(assess(lead))
    path.write_text(json.dumps(sample, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
