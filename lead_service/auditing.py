"""What people do with the audit: leaf through it, and take evidence from it.

That they did is in it before they see anything.
"""

import asyncio
from uuid import UUID

from lead_service.audit import Action, AuditFilter, AuditPage, AuditPosition, AuditStores
from services.clock import Clock
from services.errors import NotFound
from services.evidence import archive, proving
from services.evidence.ledger import Ledgers


async def page(audits: AuditStores, wanted: AuditFilter, size: int, after: AuditPosition | None) -> AuditPage:
    """Return the page behind a position, newest entries first, this reading noted.

    Raises NotFound if a lead is asked for that there never was.
    """
    async with audits.write() as audit:
        if wanted.lead_id is not None and not await audit.knows(wanted.lead_id):
            raise NotFound("lead", str(wanted.lead_id))
        found = await audit.page(wanted, size, after)
        await audit.note(Action.READ, wanted.lead_id, "OK", "")
    return found


async def evidence(audits: AuditStores, ledgers: Ledgers, lead_id: UUID, clock: Clock) -> bytes:
    """Return a lead's whole audit with its proofs as a ZIP file, this reading noted; raises NotFound."""
    async with audits.read() as audit:
        if not await audit.knows(lead_id):
            raise NotFound("lead", str(lead_id))
    collected = await proving.collect(ledgers, lead_id, clock())
    content = await asyncio.to_thread(archive.write, collected)
    async with audits.write() as audit:
        await audit.note(Action.READ, lead_id, "OK", "")
    return content
