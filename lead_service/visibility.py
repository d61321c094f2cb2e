"""Who sees deleted leads: whoever may bring them back, whoever audits, and processes.

To others a deleted lead is not there. What was made of it while it lived, its reports, still is.
"""

from lead_service.domain import Lead, LeadFilter
from services.errors import NotFound, PermissionDenied
from services.identity import Actor

_SEES_DELETED = frozenset({"operator", "auditor", "admin"})


def sees_deleted(actor: Actor) -> bool:
    """Tell whether deleted leads are there for somebody."""
    return actor.workload is not None or not actor.roles.isdisjoint(_SEES_DELETED)


def require_seen(lead: Lead, actor: Actor) -> None:
    """Raise NotFound, as for a lead that never was, if this one is not there for somebody."""
    if lead.deleted_at is not None and not sees_deleted(actor):
        raise NotFound("lead", str(lead.id))


def require_allowed(wanted: LeadFilter, actor: Actor) -> None:
    """Raise PermissionDenied if somebody asks for leads that are not there for them."""
    if wanted.show_deleted and not sees_deleted(actor):
        raise PermissionDenied("Your role may not see deleted leads.", reason="DELETED_LEADS_HIDDEN")
