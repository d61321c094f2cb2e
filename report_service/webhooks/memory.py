"""Endpoints and deliveries in memory: what the store in PostgreSQL promises, without PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from report_service.webhooks.domain import (
    Change,
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointStatus,
    Outcome,
    Posting,
    Secret,
)
from services.clock import Clock, utc_now
from services.errors import NotFound


@dataclass
class MemoryWebhookStores:
    """Opens units of work on a memory, one at a time; each sees all or nothing."""

    clock: Clock = utc_now
    kept: "MemoryWebhookStore" = field(init=False)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.kept = MemoryWebhookStore(self.clock)

    @asynccontextmanager
    async def read(self) -> AsyncIterator["MemoryWebhookStore"]:
        """Open one that changes nothing."""
        async with self.lock:
            yield self.kept.copied()

    @asynccontextmanager
    async def write(self) -> AsyncIterator["MemoryWebhookStore"]:
        """Open one that commits if its block ends well."""
        async with self.lock:
            store = self.kept.copied()
            yield store
            self.kept = store


@dataclass
class MemoryWebhookStore:
    """Endpoints and deliveries within one unit of work."""

    clock: Clock
    endpoints: dict[UUID, Endpoint] = field(default_factory=dict)
    sent: dict[UUID, Delivery] = field(default_factory=dict)
    leases: dict[UUID, datetime] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def copied(self) -> "MemoryWebhookStore":
        """Return a store of its own on the same things."""
        return MemoryWebhookStore(
            self.clock, copy(self.endpoints), copy(self.sent), copy(self.leases), copy(self.changes)
        )

    async def add(self, endpoint: Endpoint) -> None:
        """Keep a new endpoint with its secrets."""
        self.endpoints[endpoint.id] = endpoint

    async def get(self, endpoint_id: UUID, *, hold: bool = False) -> Endpoint:
        """Return an endpoint, held against others' changes if asked for; raises NotFound."""
        if endpoint_id not in self.endpoints:
            raise NotFound("webhook endpoint", str(endpoint_id))
        return self.endpoints[endpoint_id]

    async def page(self, size: int, after: UUID | None) -> Sequence[Endpoint]:
        """Return up to ``size`` endpoints, newest first, that come after one in that order."""
        newest_first = sorted(self.endpoints.values(), key=lambda each: each.id, reverse=True)
        return [each for each in newest_first if after is None or each.id < after][:size]

    async def change(self, endpoint: Endpoint) -> Endpoint:
        """Write what can change of an endpoint; returns it as its next version."""
        kept = self.endpoints[endpoint.id]
        changed = replace(endpoint, secrets=kept.secrets, version=kept.version + 1)
        self.endpoints[endpoint.id] = changed
        return changed

    async def remove(self, endpoint_id: UUID) -> None:
        """Remove an endpoint, its secrets and its deliveries."""
        self.endpoints.pop(endpoint_id, None)
        self.sent = {key: each for key, each in self.sent.items() if each.endpoint_id != endpoint_id}

    async def add_secret(self, endpoint_id: UUID, secret: Secret, earlier_until: datetime) -> None:
        """Keep a new secret; earlier ones expire at an instant, unless they do so before."""
        endpoint = self.endpoints[endpoint_id]
        earlier = (
            replace(each, expires_at=min(each.expires_at or earlier_until, earlier_until))
            for each in endpoint.secrets
        )
        self.endpoints[endpoint_id] = replace(endpoint, secrets=(secret, *earlier))

    async def note(self, change: Change) -> None:
        """Keep who did what."""
        self.changes.append(change)

    async def add_delivery(self, delivery: Delivery) -> None:
        """Have a message sent."""
        self.sent[delivery.id] = delivery

    async def delivery(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
        """Return a delivery; raises NotFound."""
        found = self.sent.get(delivery_id)
        if found is None or found.endpoint_id != endpoint_id:
            raise NotFound("webhook delivery", str(delivery_id))
        return found

    async def deliveries(
        self, endpoint_id: UUID, status: DeliveryStatus | None, size: int, after: UUID | None
    ) -> Sequence[Delivery]:
        """Return up to ``size`` deliveries, newest first, that come after one in that order."""
        newest_first = sorted(self.sent.values(), key=lambda each: each.id, reverse=True)
        return [
            each
            for each in newest_first
            if each.endpoint_id == endpoint_id
            and status in (None, each.status)
            and (after is None or each.id < after)
        ][:size]

    async def requeue(self, delivery_id: UUID) -> None:
        """Make a delivery due now, as if it were new."""
        now = self.clock()
        self.leases.pop(delivery_id, None)
        self.sent[delivery_id] = replace(
            self.sent[delivery_id],
            status=DeliveryStatus.PENDING,
            started_at=now,
            next_attempt_at=now,
            ended_at=None,
        )

    async def claim(self, limit: int, of_each: int, lease: timedelta) -> Sequence[Posting]:
        """Lease deliveries that are due and that nobody holds, to enabled endpoints."""
        now = self.clock()
        held = [self.sent[each].endpoint_id for each, until in self.leases.items() if until >= now]
        claimed: list[Posting] = []
        for each in sorted(self.sent.values(), key=lambda one: one.next_attempt_at):
            endpoint = self.endpoints[each.endpoint_id]
            if (
                each.status is not DeliveryStatus.PENDING
                or each.next_attempt_at > now
                or (each.id in self.leases and self.leases[each.id] >= now)
                or endpoint.status is not EndpointStatus.ENABLED
                or held.count(each.endpoint_id) >= of_each
                or len(claimed) >= limit
            ):
                continue
            held.append(each.endpoint_id)
            self.leases[each.id] = now + lease
            self.sent[each.id] = replace(each, attempts=each.attempts + 1)
            claimed.append(Posting(self.sent[each.id], endpoint))
        return claimed

    async def settle(self, delivery: Delivery, status: DeliveryStatus, outcome: Outcome) -> bool:
        """End a delivery; False, and nothing changes, if this is no longer its latest attempt."""
        if not self._attempted(delivery, outcome, status=status, ended_at=self.clock()):
            return False
        if status is DeliveryStatus.DELIVERED:
            well = replace(self.endpoints[delivery.endpoint_id], failing_since=None)
            self.endpoints[delivery.endpoint_id] = well
        return True

    async def postpone(self, delivery: Delivery, delay: timedelta, outcome: Outcome) -> bool:
        """Give a delivery back, to be tried again after a delay; False as above."""
        return self._attempted(delivery, outcome, next_attempt_at=self.clock() + delay)

    async def failing(self, endpoint_id: UUID) -> timedelta:
        """Note that a message has not arrived; returns for how long none has. Zero if it is gone."""
        endpoint = self.endpoints.get(endpoint_id)
        if endpoint is None:
            return timedelta(0)
        since = endpoint.failing_since or self.clock()
        self.endpoints[endpoint_id] = replace(endpoint, failing_since=since)
        return self.clock() - since

    async def forget(self, before: datetime) -> int:
        """Remove what ended before, and secrets that expired; returns how many deliveries."""
        for key, each in self.endpoints.items():
            living = (one for one in each.secrets if one.expires_at is None or one.expires_at >= before)
            self.endpoints[key] = replace(each, secrets=tuple(living))
        old = [key for key, each in self.sent.items() if each.ended_at and each.ended_at < before]
        for key in old:
            del self.sent[key]
        return len(old)

    def _attempted(self, delivery: Delivery, outcome: Outcome, **values: object) -> bool:
        kept = self.sent.get(delivery.id)
        if kept is None or kept.attempts != delivery.attempts or kept.status is not DeliveryStatus.PENDING:
            return False
        self.leases.pop(delivery.id, None)
        self.sent[delivery.id] = replace(
            kept,
            response_status=outcome.response_status,
            error=outcome.error,
            **values,  # type: ignore[arg-type]  # one or two fields of a delivery
        )
        return True
