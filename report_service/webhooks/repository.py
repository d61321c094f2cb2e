"""Endpoints and deliveries in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, delete, func, insert, lateral, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from report_service.webhooks.domain import (
    Change,
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointStatus,
    Event,
    Outcome,
    Posting,
    Secret,
)
from report_service.webhooks.tables import (
    WebhookChangeRow,
    WebhookDeliveryRow,
    WebhookEndpointRow,
    WebhookSecretRow,
)
from services.errors import NotFound
from services.ids import uuid7

CHANGEABLE = ("url", "description", "events", "status", "disabled_reason", "failing_since", "updated_at")


class PostgresWebhookStore:
    """Endpoints and deliveries within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take a session of this context's database."""
        self._session = session

    async def add(self, endpoint: Endpoint) -> None:
        """Keep a new endpoint with its secrets."""
        values = {name: getattr(endpoint, name) for name in (*CHANGEABLE, "id", "created_by", "created_at")}
        values |= {"events": list(endpoint.events), "version": endpoint.version}
        await self._session.execute(insert(WebhookEndpointRow).values(values))
        for each in endpoint.secrets:
            await self._keep(endpoint.id, each)

    async def get(self, endpoint_id: UUID, *, hold: bool = False) -> Endpoint:
        """Return an endpoint, held against others' changes if asked for; raises NotFound."""
        query = select(WebhookEndpointRow).where(WebhookEndpointRow.id == endpoint_id)
        if hold:
            query = query.with_for_update().execution_options(populate_existing=True)
        row = await self._session.scalar(query)
        if row is None:
            raise NotFound("webhook endpoint", str(endpoint_id))
        return _endpoint(row, await self._secrets([endpoint_id]))

    async def page(self, size: int, after: UUID | None) -> Sequence[Endpoint]:
        """Return up to ``size`` endpoints, newest first, that come after one in that order."""
        row = WebhookEndpointRow
        query = select(row).order_by(row.id.desc()).limit(size)
        if after is not None:
            query = query.where(row.id < after)
        found = list(await self._session.scalars(query))
        secrets = await self._secrets([each.id for each in found])
        return [_endpoint(each, secrets) for each in found]

    async def change(self, endpoint: Endpoint) -> Endpoint:
        """Write what can change of an endpoint; returns it as its next version."""
        values = {name: getattr(endpoint, name) for name in CHANGEABLE}
        values |= {"events": list(endpoint.events), "version": WebhookEndpointRow.version + 1}
        changed = update(WebhookEndpointRow).where(WebhookEndpointRow.id == endpoint.id).values(values)
        await self._session.execute(changed, execution_options={"synchronize_session": False})
        return await self.get(endpoint.id, hold=True)

    async def remove(self, endpoint_id: UUID) -> None:
        """Remove an endpoint, its secrets and its deliveries."""
        await self._session.execute(delete(WebhookEndpointRow).where(WebhookEndpointRow.id == endpoint_id))

    async def add_secret(self, endpoint_id: UUID, secret: Secret, earlier_until: datetime) -> None:
        """Keep a new secret; earlier ones expire at an instant, unless they do so before."""
        row = WebhookSecretRow
        # LEAST passes over what is NULL.
        expiring = update(row).where(row.endpoint_id == endpoint_id)
        await self._session.execute(expiring.values(expires_at=func.least(row.expires_at, earlier_until)))
        await self._keep(endpoint_id, secret)

    async def note(self, change: Change) -> None:
        """Keep who did what."""
        await self._session.execute(insert(WebhookChangeRow).values({**asdict(change), "id": uuid7()}))

    async def add_delivery(self, delivery: Delivery) -> None:
        """Have a message sent."""
        await self._session.execute(insert(WebhookDeliveryRow).values(asdict(delivery)))

    async def delivery(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
        """Return a delivery; raises NotFound."""
        row = WebhookDeliveryRow
        query = select(row).where(row.id == delivery_id, row.endpoint_id == endpoint_id)
        found = await self._session.scalar(query.execution_options(populate_existing=True))
        if found is None:
            raise NotFound("webhook delivery", str(delivery_id))
        return _delivery(found)

    async def deliveries(
        self, endpoint_id: UUID, status: DeliveryStatus | None, size: int, after: UUID | None
    ) -> Sequence[Delivery]:
        """Return up to ``size`` deliveries, newest first, that come after one in that order."""
        row = WebhookDeliveryRow
        query = select(row).where(row.endpoint_id == endpoint_id).order_by(row.id.desc()).limit(size)
        if status is not None:
            query = query.where(row.status == status)
        if after is not None:
            query = query.where(row.id < after)
        return [_delivery(each) for each in await self._session.scalars(query)]

    async def requeue(self, delivery_id: UUID) -> None:
        """Make a delivery due now, as if it were new."""
        now = func.clock_timestamp()
        values = {"status": DeliveryStatus.PENDING, "started_at": now, "next_attempt_at": now}
        await self._changes(delivery_id, None, values | {"leased_until": None, "ended_at": None})

    async def claim(self, limit: int, of_each: int, lease: timedelta) -> Sequence[Posting]:
        """Lease deliveries that are due and that nobody holds, to enabled endpoints."""
        row, now = WebhookDeliveryRow, func.clock_timestamp()
        # One endpoint's backlog neither holds up the others nor is it read to its end.
        under_way = (
            select(func.count())
            .where(row.endpoint_id == WebhookEndpointRow.id, row.status == "PENDING", row.leased_until >= now)
            .correlate(WebhookEndpointRow)
            .scalar_subquery()
        )
        due = lateral(
            select(row.id, row.next_attempt_at)
            .where(
                row.endpoint_id == WebhookEndpointRow.id,
                row.status == "PENDING",
                row.next_attempt_at <= now,
                row.leased_until.is_(None) | (row.leased_until < now),
            )
            .order_by(row.next_attempt_at)
            .limit(func.greatest(of_each - under_way, 0))
            .with_for_update(skip_locked=True)
            .correlate(WebhookEndpointRow)
        )
        chosen = (
            select(due.c.id)
            .select_from(WebhookEndpointRow)
            .join(due, true())
            .where(WebhookEndpointRow.status == EndpointStatus.ENABLED)
            .order_by(due.c.next_attempt_at)
            .limit(limit)
            .cte("chosen")
        )
        leased = (
            update(row)
            .where(row.id == chosen.c.id)
            .values(attempts=row.attempts + 1, leased_until=now + lease)
            .returning(row)
        )
        deliveries = [_delivery(each) for each in await self._session.scalars(leased)]
        endpoints = {each: await self.get(each) for each in {each.endpoint_id for each in deliveries}}
        return [Posting(each, endpoints[each.endpoint_id]) for each in deliveries]

    async def settle(self, delivery: Delivery, status: DeliveryStatus, outcome: Outcome) -> bool:
        """End a delivery; False, and nothing changes, if this is no longer its latest attempt."""
        ended = {"status": status, "ended_at": func.clock_timestamp()}
        if not await self._attempted(delivery, outcome, ended):
            return False
        if status is DeliveryStatus.DELIVERED:
            row = WebhookEndpointRow
            well = update(row).where(row.id == delivery.endpoint_id, row.failing_since.is_not(None))
            await self._session.execute(well.values(failing_since=None))
        return True

    async def postpone(self, delivery: Delivery, delay: timedelta, outcome: Outcome) -> bool:
        """Give a delivery back, to be tried again after a delay; False as above."""
        return await self._attempted(delivery, outcome, {"next_attempt_at": func.clock_timestamp() + delay})

    async def failing(self, endpoint_id: UUID) -> timedelta:
        """Note that a message has not arrived; returns for how long none has. Zero if it is gone."""
        row, now = WebhookEndpointRow, func.clock_timestamp()
        noted = update(row).where(row.id == endpoint_id, row.failing_since.is_(None))
        await self._session.execute(noted.values(failing_since=now))
        since = await self._session.scalar(select(now - row.failing_since).where(row.id == endpoint_id))
        return since or timedelta(0)

    async def forget(self, before: datetime) -> int:
        """Remove what ended before, and secrets that expired; returns how many deliveries."""
        secret, row = WebhookSecretRow, WebhookDeliveryRow
        await self._session.execute(delete(secret).where(secret.expires_at < before))
        old = delete(row).where(row.status != DeliveryStatus.PENDING, row.ended_at < before)
        return cast("CursorResult[Any]", await self._session.execute(old)).rowcount

    async def _attempted(self, delivery: Delivery, outcome: Outcome, values: dict[str, Any]) -> bool:
        facts = {"leased_until": None, "response_status": outcome.response_status, "error": outcome.error}
        return await self._changes(delivery.id, delivery.attempts, values | facts)

    async def _changes(self, delivery_id: UUID, attempt: int | None, values: dict[str, Any]) -> bool:
        row = WebhookDeliveryRow
        changed = update(row).where(row.id == delivery_id).values(values)
        if attempt is not None:
            changed = changed.where(row.attempts == attempt, row.status == DeliveryStatus.PENDING)
        done = await self._session.execute(changed, execution_options={"synchronize_session": False})
        return cast("CursorResult[Any]", done).rowcount == 1

    async def _keep(self, endpoint_id: UUID, secret: Secret) -> None:
        values = {**asdict(secret), "endpoint_id": endpoint_id}
        await self._session.execute(insert(WebhookSecretRow).values(values))

    async def _secrets(self, endpoint_ids: Sequence[UUID]) -> dict[UUID, tuple[Secret, ...]]:
        row = WebhookSecretRow
        query = select(row).where(row.endpoint_id.in_(endpoint_ids)).order_by(row.created_at.desc())
        found: dict[UUID, tuple[Secret, ...]] = {}
        for each in await self._session.scalars(query.execution_options(populate_existing=True)):
            secret = Secret(each.id, each.sealed, each.created_at, each.expires_at)
            found[each.endpoint_id] = (*found.get(each.endpoint_id, ()), secret)
        return found


def _endpoint(row: WebhookEndpointRow, secrets: dict[UUID, tuple[Secret, ...]]) -> Endpoint:
    return Endpoint(
        id=row.id,
        url=row.url,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        description=row.description,
        events=tuple(map(Event, row.events)),
        status=EndpointStatus(row.status),
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
        version=row.version,
        secrets=secrets.get(row.id, ()),
    )


def _delivery(row: WebhookDeliveryRow) -> Delivery:
    names = Delivery.__dataclass_fields__
    values = {name: getattr(row, name) for name in names}
    return Delivery(**values | {"event": Event(row.event), "status": DeliveryStatus(row.status)})
