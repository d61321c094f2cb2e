"""What people do with the audit: leaf through it. That they did is in it before they see anything."""

from lead_service.audit import Action, AuditFilter, AuditPage, AuditPosition, AuditStores
from services.errors import NotFound


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
