"""How long what is kept, in memory."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from lineage_service.domain import (
    CONTENTS,
    LARGEST_LEADS,
    Access,
    Content,
    Due,
    Hold,
    Keeping,
    Lineage,
    Outcome,
    Piece,
    Removed,
    Share,
    Storage,
)
from services.clock import utc_now


@dataclass
class MemoryKeeping:
    """What is kept, and what has gone."""

    lineages: dict[UUID, Lineage] = field(default_factory=dict)
    pieces: dict[tuple[UUID, Content], tuple[Piece, ...]] = field(default_factory=dict)
    words: dict[UUID, frozenset[str]] = field(default_factory=dict)
    noted: list[Access] = field(default_factory=list)
    outcomes: dict[UUID, Outcome] = field(default_factory=dict)
    leads_held: dict[UUID, Hold] = field(default_factory=dict)
    expiries: dict[tuple[UUID, Content], datetime] = field(default_factory=dict)

    async def due(self, kind: Keeping, before: datetime) -> Due:
        """Count what was recorded before then and is still there."""
        content = CONTENTS.get(kind)
        if content is None:
            return Due(sum(each.at < before and bool(each.details) for each in self.noted))
        old = [each for each in self._kept(content) if each.recorded_at < before]
        free = [each for each in old if each.facts.lead_id not in self.leads_held]
        sizes = (sum(each.piece_sizes(content)) for each in free)
        return Due(len(free), sum(sizes), len(old) - len(free))

    async def expire(
        self, content: Content, before: datetime | None, lead_id: UUID | None, most: int
    ) -> list[Removed]:
        """Remove a content of at most so many lineages, the oldest; never what is held."""
        due = [
            each
            for each in sorted(self._kept(content), key=lambda lineage: lineage.recorded_at)
            if (before is None or each.recorded_at < before)
            and lead_id in (None, each.facts.lead_id)
            and each.facts.lead_id not in self.leads_held
        ][:most]
        for each in due:
            self.expiries[each.facts.lineage_id, content] = utc_now()
            del self.pieces[each.facts.lineage_id, content]
            if content is Content.LOG:
                self.words[each.facts.lineage_id] = frozenset()
        return [
            Removed(each.facts.lineage_id, each.facts.report_id, sum(each.piece_sizes(content)))
            for each in due
        ]

    async def forget_details(self, before: datetime, most: int) -> int:
        """Erase what was asked for from at most so many entries of the audit; return of how many."""
        due = [place for place, each in enumerate(self.noted) if each.at < before and each.details][:most]
        for place in due:
            self.noted[place] = replace(self.noted[place], details={})
        return len(due)

    async def hold(self, hold: Hold) -> Hold:
        """Hold a lead unless it is held; return the hold that stands."""
        return self.leads_held.setdefault(hold.lead_id, hold)

    async def release(self, lead_id: UUID) -> Hold | None:
        """Release a lead; return the hold that stood."""
        return self.leads_held.pop(lead_id, None)

    async def held(self, lead_id: UUID) -> Hold | None:
        """Return the hold of a lead."""
        return self.leads_held.get(lead_id)

    async def holds(self, most: int) -> list[Hold]:
        """Return holds, the latest first."""
        return sorted(self.leads_held.values(), key=lambda hold: hold.held_at, reverse=True)[:most]

    async def storage(self) -> Storage:
        """Measure what is kept, and for what."""
        by_size = self._shares(lambda lineage: lineage.facts.template_version_id)
        return Storage(
            disk=(),
            by_month=tuple(
                sorted(
                    self._shares(lambda lineage: f"{lineage.recorded_at:%Y-%m}"),
                    key=lambda share: share.name,
                    reverse=True,
                )
            ),
            by_template=tuple(by_size),
            by_lead=tuple(self._shares(lambda lineage: str(lineage.facts.lead_id))[:LARGEST_LEADS]),
        )

    def _kept(self, content: Content) -> list[Lineage]:
        return [each for key, each in self.lineages.items() if (key, content) not in self.expiries]

    def _shares(self, name: Callable[[Lineage], str]) -> list[Share]:
        found: dict[str, list[int]] = defaultdict(list)
        for key, lineage in self.lineages.items():
            kept = (content for content in Content if (key, content) not in self.expiries)
            found[name(lineage)].append(sum(sum(lineage.piece_sizes(content)) for content in kept))
        shares = (Share(each, len(sizes), sum(sizes)) for each, sizes in found.items())
        return sorted(shares, key=lambda share: (-share.bytes, share.name))
