"""What an endpoint and a delivery are, and what webhooks need from a store."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from services.errors import Aborted, FailedPrecondition

MAXIMUM_SECRETS = 5


class Event(StrEnum):
    """What a message is about; the value is its ``type``."""

    REPORT_COMPLETED = "report.completed"
    REPORT_FAILED = "report.failed"
    BATCH_ENDED = "report_batch.ended"
    TEST = "webhook.test"


SUBSCRIBABLE = (Event.REPORT_COMPLETED, Event.REPORT_FAILED, Event.BATCH_ENDED)


class EndpointStatus(StrEnum):
    """Whether anything is sent."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class DeliveryStatus(StrEnum):
    """How far a message has come."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class Action(StrEnum):
    """What was done about an endpoint."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    ROTATE = "ROTATE"
    TEST = "TEST"
    REDELIVER = "REDELIVER"
    DISABLE = "DISABLE"
    """By the worker, because it failed for too long or is gone."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that signs, as it is kept: encrypted."""

    id: UUID
    sealed: bytes
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where messages are sent."""

    id: UUID
    url: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    events: tuple[Event, ...] = SUBSCRIBABLE
    status: EndpointStatus = EndpointStatus.ENABLED
    disabled_reason: str = ""
    failing_since: datetime | None = None
    version: int = 1
    secrets: tuple[Secret, ...] = ()
    """The newest first, those that have expired among them."""

    @property
    def etag(self) -> str:
        """An opaque name of what an admin can change; another one after every change."""
        return hashlib.sha256(f"{self.id} {self.version}".encode()).hexdigest()[:16]

    def expect(self, etags: Collection[str]) -> None:
        """Raise Aborted unless every one of ``etags`` names the endpoint as it is now."""
        if any(etag != self.etag for etag in etags):
            raise Aborted(
                "Somebody else changed this endpoint. Read it again, then retry.", reason="ETAG_MISMATCH"
            )

    def require_enabled(self) -> None:
        """Raise FailedPrecondition if nothing is sent there."""
        if self.status is EndpointStatus.DISABLED:
            raise FailedPrecondition("This endpoint is DISABLED. Enable it first.", reason="WEBHOOK_DISABLED")

    def signing(self, at: datetime) -> tuple[Secret, ...]:
        """Return the secrets that sign at an instant, the newest first."""
        return tuple(each for each in self.secrets if each.expires_at is None or each.expires_at > at)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one endpoint."""

    id: UUID
    endpoint_id: UUID
    event: Event
    facts: Mapping[str, Any]
    """Ids, status and digests, as JSON has them."""
    occurred_at: datetime
    started_at: datetime
    """When it was to be sent first, or anew: a day from here it is given up."""
    next_attempt_at: datetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    response_status: int | None = None
    error: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """A delivery that the courier has just taken, and where it goes."""

    delivery: Delivery
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: the receiver's status if there was one, and what was wrong."""

    response_status: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Who did what about an endpoint; kept for good."""

    endpoint_id: UUID
    action: Action
    changed_by: str
    changed_at: datetime
    facts: Mapping[str, Any]
    """What it was and what it became, without secrets."""


class WebhookStore(Protocol):
    """Endpoints and deliveries within one unit of work. Instants come from the database's clock."""

    async def add(self, endpoint: Endpoint) -> None:
        """Keep a new endpoint with its secrets."""

    async def get(self, endpoint_id: UUID, *, hold: bool = False) -> Endpoint:
        """Return an endpoint, held against others' changes if asked for; raises NotFound."""

    async def page(self, size: int, after: UUID | None) -> Sequence[Endpoint]:
        """Return up to ``size`` endpoints, newest first, that come after one in that order."""

    async def change(self, endpoint: Endpoint) -> Endpoint:
        """Write what can change of an endpoint; returns it as its next version."""

    async def remove(self, endpoint_id: UUID) -> None:
        """Remove an endpoint, its secrets and its deliveries."""

    async def add_secret(self, endpoint_id: UUID, secret: Secret, earlier_until: datetime) -> None:
        """Keep a new secret; earlier ones expire at an instant, unless they do so before."""

    async def note(self, change: Change) -> None:
        """Keep who did what."""

    async def add_delivery(self, delivery: Delivery) -> None:
        """Have a message sent."""

    async def delivery(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
        """Return a delivery; raises NotFound."""

    async def deliveries(
        self, endpoint_id: UUID, status: DeliveryStatus | None, size: int, after: UUID | None
    ) -> Sequence[Delivery]:
        """Return up to ``size`` deliveries, newest first, that come after one in that order."""

    async def requeue(self, delivery_id: UUID) -> None:
        """Make a delivery due now, as if it were new."""

    async def claim(self, limit: int, of_each: int, lease: timedelta) -> Sequence[Posting]:
        """Lease deliveries that are due and that nobody holds, to enabled endpoints.

        Of each endpoint no more than ``of_each`` are under way at once.
        """

    async def settle(self, delivery: Delivery, status: DeliveryStatus, outcome: Outcome) -> bool:
        """End a delivery; False, and nothing changes, if this is no longer its latest attempt.

        An endpoint that was delivered to is not failing any more.
        """

    async def postpone(self, delivery: Delivery, delay: timedelta, outcome: Outcome) -> bool:
        """Give a delivery back, to be tried again after a delay; False as above."""

    async def failing(self, endpoint_id: UUID) -> timedelta:
        """Note that a message has not arrived; returns for how long none has. Zero if it is gone."""

    async def forget(self, before: datetime) -> int:
        """Remove what ended before, and secrets that expired; returns how many deliveries."""


class WebhookStores(Protocol):
    """Opens units of work on webhooks."""

    def read(self) -> AbstractAsyncContextManager[WebhookStore]:
        """Open one that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[WebhookStore]:
        """Open one that commits if its block ends well."""
