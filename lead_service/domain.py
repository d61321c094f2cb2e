"""Leads: the words and the rules, with no machinery."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, Self
from uuid import UUID

from lead_service.facts import Enrichment, EnrichmentStatus, EnrichmentTask, Fact
from lead_service.names import display_name, email_address, registered_apart
from lead_service.quota import QuotaStore
from lead_service.suggestions import Suggestion, SuggestionState
from services.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
)
from services.hosts import host_name
from services.ids import uuid7

if TYPE_CHECKING:
    from lead_service.merges import Merge

# The highest total that is counted; above it the query planner's estimate is good enough.
EXACT_TOTAL_LIMIT: Final = 1000
# What people may change about a lead.
EDITABLE: Final = ("email", "domain", "name", "is_manual")
# How long a request can be sent again and gets its first answer.
ANSWERS_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Lead:
    """Someone who might buy an audit. `email` and `domain` are normalised (see `names`).

    `version` counts how often the lead was written; `deleted_at` is set while it is deleted, and
    `merged_into` with it if another lead took its place; `import_id` names the import that created it, if
    one did.
    `registrable_domain` is what the lead stands for beside others of the same address, None for the
    domain itself: it was learned when the address or the domain was written, and stays if the Public
    Suffix List changes.
    """

    id: UUID
    email: str
    domain: str
    name: str
    is_manual: bool
    created_by: str
    created_at: datetime
    updated_at: datetime
    enrichment: Enrichment = field(default_factory=Enrichment)
    facts: tuple[Fact, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    version: int = 1
    deleted_at: datetime | None = None
    registrable_domain: str | None = None
    import_id: UUID | None = None
    merged_into: UUID | None = None

    @property
    def etag(self) -> str:
        """An opaque name of the lead as it is now; another one after every write."""
        return hashlib.sha256(f"{self.id} {self.version}".encode()).hexdigest()[:16]

    @property
    def identity(self) -> tuple[str, str]:
        """What no two living leads have in common."""
        return self.email.lower(), self.registrable_domain or self.domain

    @property
    def shown_suggestions(self) -> tuple[Suggestion, ...]:
        """The suggestions without those that the lead has come to say by itself."""
        return tuple(
            each
            for each in self.suggestions
            if each.state is not SuggestionState.OPEN or getattr(self, each.field) != each.value
        )

    def suggestion(self, suggestion_id: UUID) -> Suggestion:
        """Return one suggestion; raises NotFound."""
        for each in self.suggestions:
            if each.id == suggestion_id:
                return each
        raise NotFound("suggestion", str(suggestion_id))

    def expect(self, etags: Collection[str]) -> None:
        """Raise Aborted unless every one of `etags` names the lead as it is now."""
        if any(etag != self.etag for etag in etags):
            raise Aborted(
                "Somebody else changed this lead. Read it again, then retry.", reason="ETAG_MISMATCH"
            )

    def require_living(self) -> None:
        """Raise FailedPrecondition if the lead is deleted, or merged into another one."""
        if self.merged_into is not None:
            raise FailedPrecondition(
                f"This lead is merged into {self.merged_into}. Use that one, or unmerge this.",
                reason="LEAD_MERGED",
                metadata={"id": str(self.id), "merged_into": str(self.merged_into)},
            )
        if self.deleted_at is not None:
            raise FailedPrecondition(
                "This lead is deleted. Undelete it first.",
                reason="LEAD_DELETED",
                metadata={"id": str(self.id)},
            )

    def with_enrichment(self, enrichment: Enrichment, now: datetime) -> Self:
        """Return the lead with its look-up in another state."""
        return replace(self, enrichment=enrichment, updated_at=now)

    def revised(self, draft: "Draft", fields: Collection[str], now: datetime) -> Self:
        """Return the lead with the named EDITABLE fields as in `draft`; itself if they are so already.

        Raises:
            FailedPrecondition: if the lead is deleted.
            InvalidArgument: naming every field that is wrong.
        """
        self.require_living()
        wanted = Draft(
            **{name: getattr(draft if name in fields else self, name) for name in EDITABLE}
        ).normalised()
        values = {name: getattr(wanted, name) for name in EDITABLE}
        revised = replace(self, **values)
        if (revised.email, revised.domain) != (self.email, self.domain):
            revised = replace(revised, registrable_domain=registered_apart(revised.domain))
        return self if revised == self else replace(revised, updated_at=now)

    def deleted(self, now: datetime) -> Self:
        """Return the lead deleted; itself if it is so already."""
        return self if self.deleted_at else replace(self, deleted_at=now, updated_at=now)

    def undeleted(self, now: datetime) -> Self:
        """Return the lead living; itself if it does. Raises FailedPrecondition if it is merged."""
        if self.merged_into is not None:
            self.require_living()
        return replace(self, deleted_at=None, updated_at=now) if self.deleted_at else self


@dataclass(frozen=True, slots=True)
class Draft:
    """A lead as somebody typed it in, before anything is checked."""

    email: str
    domain: str = ""
    name: str = ""
    is_manual: bool = False

    def lead(self, created_by: str, now: datetime) -> Lead:
        """Return the new lead; raises InvalidArgument as `normalised` does."""
        checked = self.normalised()
        return Lead(
            uuid7(),
            checked.email,
            checked.domain,
            checked.name,
            self.is_manual,
            created_by,
            now,
            now,
            registrable_domain=registered_apart(checked.domain),
        )

    def normalised(self) -> "Draft":
        """Return the draft with its names as leads have them; no domain means the address's own.

        Raises:
            InvalidArgument: naming every field that is wrong.
        """
        violations: list[FieldViolation] = []

        def checked(check: Callable[[str], str], text: str) -> str:
            try:
                return check(text)
            except InvalidArgument as error:
                violations.extend(error.violations)
                return ""

        email = checked(email_address, self.email)
        domain = self.domain.strip() or email.rpartition("@")[2]
        if domain:
            domain = checked(host_name, domain)
        name = checked(display_name, self.name)
        if violations:
            raise InvalidArgument.of(violations)
        return Draft(email, domain, name, self.is_manual)


def duplicate(lead: Lead, living: UUID) -> AlreadyExists:
    """Return the refusal of a lead whose place is taken by the one named `living`."""
    address, domain = lead.identity
    message = f"There is a lead with this e-mail address and registrable domain: {address}, {domain}."
    return AlreadyExists("lead", str(living), message)


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """Which leads to list; None and empty texts match all.

    `q` is part of the e-mail address, the domain or the name; `q` and `email` pass over upper and lower
    case. `created_after` is included, `created_before` is not.
    """

    is_manual: bool | None = None
    enrichment_status: EnrichmentStatus | None = None
    q: str = ""
    email: str = ""
    domain: str = ""
    created_by: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    show_deleted: bool = False
    import_id: UUID | None = None


class OrderKey(StrEnum):
    """What a list may be ordered by."""

    CREATED_AT = "created_at"
    EMAIL = "email"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list; ids decide between equals, in the same direction."""

    key: OrderKey = OrderKey.CREATED_AT
    descending: bool = True

    @classmethod
    def parse(cls, text: str) -> "Order":
        """Read an AIP-132 `order_by`; empty means newest first. Raises InvalidArgument."""
        match text.split():
            case []:
                return cls()
            case [key, *direction] if key in set(OrderKey) and direction in ([], ["asc"], ["desc"]):
                return cls(OrderKey(key), direction == ["desc"])
        keys = ", ".join(OrderKey)
        raise InvalidArgument("order_by", f"must be one of {keys}, and asc or desc", "ORDER_INVALID")

    def __str__(self) -> str:
        return f"{self.key} {'desc' if self.descending else 'asc'}"


NEWEST_FIRST: Final = Order()


@dataclass(frozen=True, slots=True)
class Position:
    """A lead's place in a list: the value that the list is ordered by, and the id."""

    value: datetime | str
    id: UUID


@dataclass(frozen=True, slots=True)
class LeadPage:
    """One page of a list, its leads without facts and suggestions.

    `next` is the last lead's place if more leads follow.
    """

    leads: tuple[Lead, ...]
    next: Position | None
    total_estimate: int


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request that its caller may send again: who calls it what, and a digest of what it asks for."""

    subject: str
    method: str
    key: str
    request_sha256: bytes

    def require_same(self, request_sha256: bytes) -> None:
        """Raise FailedPrecondition unless this digest is the request's own."""
        if request_sha256 != self.request_sha256:
            raise FailedPrecondition(
                "Another request was sent under this key before. Use a new key for a new request.",
                reason="IDEMPOTENCY_KEY_REUSED",
            )


class LeadStore(QuotaStore, Protocol):
    """Leads inside one unit of work."""

    async def claim(self, request: RequestKey, now: datetime) -> bytes | None:
        """Return the first answer to a request, or None if it is new and is to be `settle`d here.

        Waits for a unit of work that has claimed the same key. Raises FailedPrecondition if the key
        stands for a different request.
        """

    async def settle(self, request: RequestKey, answer: bytes) -> None:
        """Keep the answer to a request that was claimed."""

    async def forget_answers(self, before: datetime) -> int:
        """Forget answers to requests claimed before; returns how many."""

    async def add(self, lead: Lead) -> None:
        """Keep a new lead; raises AlreadyExists, naming the living lead with the same identity."""

    async def get(self, lead_id: UUID) -> Lead:
        """Return the lead with everything; raises NotFound.

        Its facts are ordered by provider and name, its suggestions by field and value.
        """

    async def get_as_of(self, lead_id: UUID, moment: datetime) -> Lead:
        """Return the lead as it was then, without its facts; raises NotFound."""

    async def get_for_change(self, lead_id: UUID) -> Lead:
        """Return the lead without facts and suggestions, held until this unit of work ends.

        Raises NotFound.
        """

    async def change(self, lead: Lead) -> Lead:
        """Keep every value of a known lead but facts and suggestions, and return it in its next version.

        Raises Aborted if the lead was written since it was read. For an identity that may be
        another's, see `revise`.
        """

    async def revise(self, lead: Lead) -> Lead:
        """Do as `change`; raises AlreadyExists, naming the living lead with the same identity."""

    async def keep_merge(self, merge: "Merge") -> None:
        """Keep what is needed to undo a merge."""

    async def merge_of(self, other_id: UUID) -> "Merge | None":
        """Return the merge that took this lead away, if it can be undone."""

    async def forget_merge(self, other_id: UUID) -> None:
        """Forget a merge that was undone."""

    async def replace_facts(self, lead_id: UUID, facts: Iterable[Fact]) -> None:
        """Keep `facts`, and none of the facts before."""

    async def replace_suggestions(self, lead_id: UUID, suggestions: Iterable[Suggestion]) -> None:
        """Keep `suggestions`, and none of the suggestions before."""

    async def page(
        self, lead_filter: LeadFilter, size: int, after: Position | None, order: Order = NEWEST_FIRST
    ) -> LeadPage:
        """Return at most `size` leads behind `after`; the total is exact up to EXACT_TOTAL_LIMIT."""

    async def following(
        self, lead_filter: LeadFilter, size: int, after: Position | None, order: Order = NEWEST_FIRST
    ) -> tuple[tuple[Lead, ...], Position | None]:
        """Return at most `size` leads behind `after`, and the last one's place if more follow."""

    async def enqueue(self, task: EnrichmentTask) -> str:
        """Ask for a look-up, which begins only if this unit of work ends well. Returns the job's id."""

    async def unattended(self, limit: int) -> list[Lead]:
        """Return leads whose look-up has not ended, and has no job left to end it; held for change."""


class LeadStores(Protocol):
    """Where units of work on leads begin. A write ends well or leaves nothing behind."""

    def read(self) -> AbstractAsyncContextManager[LeadStore]:
        """Open a unit of work that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[LeadStore]:
        """Open a unit of work whose changes are kept if it ends well."""
