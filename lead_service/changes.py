"""Changes of leads in the order in which everybody sees them, and who wants to see which.

The order is that of the audit's entries by transaction, then by id. A transaction has its number
before it writes and becomes visible when it commits, which may be later than one with a higher number. So a
change is *settled*, and may be shown, once every transaction with a lower number has ended: nothing
can come to stand before it any more.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, Self
from uuid import UUID

from lead_service.audit import Action
from lead_service.domain import Lead
from lead_service.facts import EnrichmentStatus
from services.errors import InvalidArgument, OutOfRange

_BEFORE_ALL: Final = UUID(int=0)


class ChangePosition(NamedTuple):
    """A place in the order: behind the entry of that name, or before all of the transaction's own."""

    transaction_id: int
    entry_id: UUID = _BEFORE_ALL

    def __str__(self) -> str:
        return f"{self.transaction_id:x}.{self.entry_id.hex}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote; raises InvalidArgument."""
        transaction_id, _, entry_id = text.partition(".")
        try:
            position = cls(int(transaction_id, 16), UUID(entry_id))
        except ValueError:
            position = None
        # int() and UUID() read more spellings than the one that is written.
        if position is None or str(position) != text or not 0 <= position.transaction_id < 2**63:
            raise InvalidArgument("resume_token", "is not one that an event had", "RESUME_TOKEN_INVALID")
        return position


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one lead.

    `lead` is the lead as it was when the change was read, without facts; None if its row is gone.
    `before` are the changed columns as they were.
    """

    position: ChangePosition
    lead_id: UUID
    action: Action
    before: Mapping[str, Any]
    lead: Lead | None


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Whose changes to tell. A lead counts if it matches now or did before the change."""

    ids: frozenset[UUID] = frozenset()
    enrichment_status: EnrichmentStatus | None = None
    is_manual: bool | None = None
    domain: str = ""

    def wants(self, change: Change) -> bool:
        """Return whether to tell this change."""
        if self.ids and change.lead_id not in self.ids:
            return False
        wanted = {
            "enrichment_status": self.enrichment_status,
            "is_manual": self.is_manual,
            "domain": self.domain or None,
        }
        columns = {name: value for name, value in wanted.items() if value is not None}
        now = _columns(change.lead) if change.lead else {}
        was = {**now, **change.before}
        return any(all(state.get(name) == columns[name] for name in columns) for state in (now, was))


def _columns(lead: Lead) -> dict[str, Any]:
    return {
        "enrichment_status": lead.enrichment.status,
        "is_manual": lead.is_manual,
        "domain": lead.domain,
    }


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Settled changes in their order, and where the next page begins.

    `is_full` says that more may follow at once; `is_last` that nothing was being written when this was
    read, so that nothing can follow but what begins later.
    """

    changes: tuple[Change, ...]
    position: ChangePosition
    is_full: bool
    is_last: bool


class ChangeStore(Protocol):
    """Changes inside one unit of work that only reads."""

    async def here(self) -> ChangePage:
        """Return the empty page behind everything that is settled."""

    async def page(self, after: ChangePosition, size: int) -> ChangePage:
        """Return at most `size` settled changes behind a place.

        Raises OutOfRange for a place that nobody can have come to yet.
        """


class ChangeStores(Protocol):
    """Where units of work on changes begin."""

    def read(self) -> AbstractAsyncContextManager[ChangeStore]:
        """Open a unit of work that changes nothing."""


def unknown_place() -> OutOfRange:
    """Return the refusal of a place in the order that is ahead of the database."""
    return OutOfRange(
        "This token is from a future of the database, which has been restored since. "
        "List the leads, then watch anew.",
        reason="RESUME_TOKEN_UNKNOWN",
    )
