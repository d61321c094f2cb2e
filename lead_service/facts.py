"""What is learned of a lead's domain, who learns it, and how far that has come: words and rules alone."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol, Self
from uuid import UUID

from lead_service.names import is_harmless
from services.errors import FailedPrecondition

# A look-up that dies this often, by crash or by kill, ends as FAILED instead of beginning again.
MAX_ATTEMPTS: Final = 5
# Bounds on what strangers' servers may put into a fact.
MAX_VALUES: Final = 100
MAX_VALUE_LENGTH: Final = 4096


class EnrichmentStatus(StrEnum):
    """How far the look-up of a lead's domain has come."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


_LEGAL: Final[Mapping[EnrichmentStatus, frozenset[EnrichmentStatus]]] = {
    # PENDING again: its job was lost, or none was ever asked for.
    EnrichmentStatus.PENDING: frozenset(
        {EnrichmentStatus.PENDING, EnrichmentStatus.IN_PROGRESS, EnrichmentStatus.FAILED}
    ),
    # IN_PROGRESS again: the worker before was killed, and its job has been taken over.
    EnrichmentStatus.IN_PROGRESS: frozenset(EnrichmentStatus),
    EnrichmentStatus.COMPLETED: frozenset({EnrichmentStatus.PENDING}),
    EnrichmentStatus.FAILED: frozenset({EnrichmentStatus.PENDING}),
}


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The state of a lead's look-up.

    `task_id` names the job that may move it (empty: none was asked for), `attempts` counts how often
    the look-up has begun or lost its job, `error` says why it failed, `ended_at` is when the last one
    ended, and `asked_by` is who asked for it (empty: nobody, or the lead's creator did).
    """

    status: EnrichmentStatus = EnrichmentStatus.PENDING
    task_id: str = ""
    attempts: int = 0
    error: str = ""
    ended_at: datetime | None = None
    asked_by: str = ""

    @property
    def ended(self) -> bool:
        """True once the look-up has come to an end, good or bad."""
        return self.status in (EnrichmentStatus.COMPLETED, EnrichmentStatus.FAILED)

    @property
    def was_asked_for(self) -> bool:
        """True once anybody has asked for a look-up."""
        return bool(self.task_id) or self.ended

    @property
    def is_under_way(self) -> bool:
        """True from when a look-up is asked for until it has ended."""
        return bool(self.task_id) and not self.ended

    def _to(self, status: EnrichmentStatus, **changes: Any) -> Self:
        if status not in _LEGAL[self.status]:
            raise FailedPrecondition(
                f"enrichment cannot go from {self.status} to {status}", reason="ENRICHMENT_TRANSITION"
            )
        return replace(self, status=status, **changes)

    def requested(self, task_id: str, asked_by: str) -> Self:
        """Return the state of a look-up asked for, the first one or after the last one has ended."""
        if self.is_under_way:
            raise FailedPrecondition("a look-up is under way", reason="ENRICHMENT_TRANSITION")
        return self._to(EnrichmentStatus.PENDING, task_id=task_id, attempts=0, error="", asked_by=asked_by)

    def requeued(self, task_id: str) -> Self:
        """Return the state of a look-up that has lost its job and got another one.

        A beginning is counted as it happens; a job that was lost before it began counts as one.
        """
        lost = self.attempts + (self.status is EnrichmentStatus.PENDING)
        return self._to(EnrichmentStatus.PENDING, task_id=task_id, attempts=lost)

    def renewed(self, task_id: str, asked_by: str) -> Self:
        """Return the state of a look-up that starts over, since what it asks about is another now.

        Without a `task_id` it waits to be asked for. One that is under way is overtaken: its job is not this
        one's, so that it keeps nothing of what it finds.
        """
        return self._to(
            EnrichmentStatus.PENDING, task_id=task_id, attempts=0, error="", ended_at=None, asked_by=asked_by
        )

    def begun(self) -> Self:
        """Return the state of a look-up that a worker has taken up, for the first time or again."""
        return self._to(EnrichmentStatus.IN_PROGRESS, attempts=self.attempts + 1)

    def completed(self, now: datetime) -> Self:
        """Return the state of a look-up whose every question has its answer."""
        return self._to(EnrichmentStatus.COMPLETED, ended_at=now, error="")

    def failed(self, now: datetime, reason: str) -> Self:
        """Return the state of a look-up that broke."""
        return self._to(EnrichmentStatus.FAILED, ended_at=now, error=clean_text(reason) or "unknown")


class FactState(StrEnum):
    """What kind of answer a source gave."""

    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    UNREACHABLE = "UNREACHABLE"
    REFUSED = "REFUSED"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing learned about a domain: what was asked, where, when, and what came back.

    Has values exactly if it is FOUND, and a reason exactly if it is not.
    """

    provider: str
    name: str
    state: FactState
    values: tuple[str, ...]
    source: str
    method: str
    reason: str
    observed_at: datetime
    evidence_sha256: str

    def __post_init__(self) -> None:
        found = self.state is FactState.FOUND
        if found != bool(self.values) or found == bool(self.reason):
            raise ValueError(f"a fact has either values or a reason: {self}")


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer of one source, from which facts are read. `evidence` is the answer's own bytes."""

    provider: str
    source: str
    method: str
    observed_at: datetime
    evidence: bytes = field(default=b"", repr=False)

    def found(self, name: str, values: Iterable[str]) -> Fact:
        """Return a fact with `values` made harmless; NOT_FOUND if nothing is left of them."""
        cleaned = tuple(islice(filter(None, map(clean_text, values)), MAX_VALUES))
        if not cleaned:
            return self.without(name, FactState.NOT_FOUND, "the source's answer is empty")
        return self._fact(name, FactState.FOUND, cleaned, "")

    def without(self, name: str, state: FactState, reason: str) -> Fact:
        """Return the fact that there is no value, and why."""
        return self._fact(name, state, (), clean_text(reason) or "no reason was given")

    def _fact(self, name: str, state: FactState, values: tuple[str, ...], reason: str) -> Fact:
        digest = hashlib.sha256(self.evidence).hexdigest() if self.evidence else ""
        return Fact(
            self.provider, name, state, values, self.source, self.method, reason, self.observed_at, digest
        )


def clean_text(text: str) -> str:
    """Make a stranger's text safe to store and to show: one line, no control characters, bounded."""
    encodable = text[: 4 * MAX_VALUE_LENGTH].encode("utf-8", "replace").decode("utf-8")
    printable = "".join(c if is_harmless(c) else " " for c in encodable)
    return " ".join(printable.split())[:MAX_VALUE_LENGTH]


@dataclass(frozen=True, slots=True)
class EnrichmentTask:
    """What a worker needs to know: whose look-up, and who asked for it."""

    lead_id: UUID
    asked_by: str

    def to_bytes(self) -> bytes:
        """Return the task as a job's payload."""
        return json.dumps({"lead_id": str(self.lead_id), "asked_by": self.asked_by}).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> "EnrichmentTask":
        """Read a job's payload."""
        values = json.loads(payload)
        return cls(UUID(values["lead_id"]), values["asked_by"])


class Subject(NamedTuple):
    """Whom a look-up is about, both normalised."""

    domain: str
    email: str


class Provider(Protocol):
    """A source of facts. It answers every question it is known for, if only with why not."""

    @property
    def name(self) -> str:
        """What its facts are filed under."""

    @property
    def timeout_seconds(self) -> float:
        """How long it may take."""

    async def look_up(self, subject: Subject) -> list[Fact]:
        """Return one fact for each question."""

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        """Return the same facts for when `look_up` came to no end."""
