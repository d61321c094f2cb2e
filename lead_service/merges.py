"""Merges of two leads: which values the one that stays takes, and how all of it is undone."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from lead_service.domain import EDITABLE, Lead
from lead_service.facts import Enrichment, EnrichmentStatus, Fact
from lead_service.names import registered_apart
from services.errors import FailedPrecondition, InvalidArgument

# What a look-up is named by in a merge's values.
ENRICHMENT: Final = "enrichment"


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge that can be undone.

    `before` and `after` are values of the lead that stayed, as the merge found and left them; they tell of
    its look-up only if the other lead's took its place, and then `facts` are its own.
    """

    lead_id: UUID
    other_id: UUID
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    facts: tuple[Fact, ...] | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Pair:
    """Two leads with their facts, of which `lead` is the one that stays."""

    lead: Lead
    other: Lead

    def merged(self, theirs: Collection[str], now: datetime) -> tuple["Pair", Merge]:
        """Return the two as the merge leaves them, the EDITABLE fields in `theirs` being the other's.

        What is known of a domain goes with the domain. Raises FailedPrecondition if either is
        deleted, or if what is known is to go with the domain and a look-up is under way.
        """
        for each in (self.lead, self.other):
            each.require_living()
        moves_facts = "domain" in theirs and self.lead.domain != self.other.domain
        if moves_facts and any(each.enrichment.is_under_way for each in (self.lead, self.other)):
            raise FailedPrecondition(
                "What is known of these leads is being looked up. Wait for its end, then merge.",
                reason="ENRICHMENT_UNDER_WAY",
            )
        taken: dict[str, Any] = {name: getattr(self.other, name) for name in EDITABLE if name in theirs}
        if moves_facts:
            taken |= {ENRICHMENT: self.other.enrichment, "facts": self.other.facts}
        kept = replace(self.lead, **taken)
        if (kept.email, kept.domain) != (self.lead.email, self.lead.domain):
            kept = replace(kept, registrable_domain=registered_apart(kept.domain))
        lead = self.lead if kept == self.lead else replace(kept, updated_at=now)
        other = replace(self.other, deleted_at=now, merged_into=lead.id, updated_at=now)
        merge = Merge(
            lead.id,
            other.id,
            {**_values(self.lead, moves_facts), "registrable_domain": self.lead.registrable_domain},
            _values(lead, moves_facts),
            self.lead.facts if moves_facts else None,
            now,
        )
        return Pair(lead, other), merge

    def unmerged(self, merge: Merge, now: datetime) -> "Pair":
        """Return the two as they were; raises FailedPrecondition that names what has changed since."""
        present = _values(self.lead, ENRICHMENT in merge.after)
        changed = [name for name, value in merge.after.items() if present[name] != value]
        changed += ["delete_time"] if self.lead.deleted_at else []
        if changed:
            raise FailedPrecondition(
                f"The lead that stayed has changed since the merge: {', '.join(changed)}.",
                reason="CHANGED_SINCE_MERGE",
                metadata={"id": str(self.lead.id), "fields": ",".join(changed)},
            )
        restored = replace(self.lead, **_read(merge.before))
        if merge.facts is not None:
            restored = replace(restored, facts=merge.facts)
        lead = self.lead if restored == self.lead else replace(restored, updated_at=now)
        other = replace(self.other, deleted_at=None, merged_into=None, updated_at=now)
        return Pair(lead, other)


def require_two(lead_id: UUID, other_id: UUID) -> None:
    """Raise InvalidArgument if both are the same lead."""
    if lead_id == other_id:
        raise InvalidArgument("other_id", "is this lead itself", "SAME_LEAD")


def not_merged() -> FailedPrecondition:
    """Return the refusal to undo a merge that is not there."""
    return FailedPrecondition("This lead is not merged into another one.", reason="NOT_MERGED")


def _values(lead: Lead, with_enrichment: bool) -> dict[str, Any]:
    """Return what a merge may change, as JSON."""
    values: dict[str, Any] = {name: getattr(lead, name) for name in EDITABLE}
    if with_enrichment:
        state = asdict(lead.enrichment)
        ended_at = lead.enrichment.ended_at
        values[ENRICHMENT] = {**state, "ended_at": ended_at.isoformat() if ended_at else None}
    return values


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    read = dict(values)
    if ENRICHMENT in read:
        state = read[ENRICHMENT]
        ended_at = datetime.fromisoformat(state["ended_at"]) if state["ended_at"] else None
        status = EnrichmentStatus(state["status"])
        read[ENRICHMENT] = Enrichment(**{**state, "status": status, "ended_at": ended_at})
    return read
