"""What an admin does about endpoints, and about what was sent to them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from report_service import metrics, pages
from report_service.webhooks.domain import (
    MAXIMUM_SECRETS,
    SUBSCRIBABLE,
    Action,
    Change,
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointStatus,
    Event,
    Secret,
    WebhookStore,
    WebhookStores,
)
from report_service.webhooks.signing import Vault, new_secret
from services import paging
from services.clock import Clock, utc_now
from services.egress import Refused
from services.egress.post import Reach
from services.egress.resolver import Resolver
from services.errors import FailedPrecondition, InvalidArgument
from services.ids import uuid7

BINDING = "webhook_endpoints order=-id"
EDITABLE = ("url", "description", "events", "status")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Webhooks:
    """Where endpoints are kept, what keeps their secrets, and how far messages may go."""

    stores: WebhookStores
    vault: Vault | None
    """None while webhooks are off."""
    reach: Reach = field(default_factory=Reach)
    resolver: Resolver | None = None
    """Tells where a name leads when it is registered; without it that is judged when messages are sent."""
    clock: Clock = utc_now

    def open_vault(self) -> Vault:
        """Return what keeps secrets; raises FailedPrecondition while webhooks are off."""
        if self.vault is None:
            raise FailedPrecondition(
                "Webhooks are off: their secrets are kept encrypted, and the setting WEBHOOK_KEY is missing.",
                reason="WEBHOOKS_OFF",
            )
        return self.vault


@dataclass(frozen=True)
class Draft:
    """What an admin can say of an endpoint."""

    url: str = ""
    description: str = ""
    events: tuple[Event, ...] = ()
    status: EndpointStatus = EndpointStatus.ENABLED


async def create(webhooks: Webhooks, draft: Draft, by: str) -> tuple[Endpoint, bytes]:
    """Register an endpoint and return it with its secret; raises InvalidArgument, FailedPrecondition."""
    vault, now = webhooks.open_vault(), webhooks.clock()
    secret = new_secret()
    endpoint = Endpoint(
        id=uuid7(),
        url=await _url(webhooks, draft.url),
        created_by=by,
        created_at=now,
        updated_at=now,
        description=draft.description,
        events=_events(draft.events),
        status=draft.status,
        secrets=(Secret(uuid7(), vault.seal(secret), now),),
    )
    async with webhooks.stores.write() as store:
        await store.add(endpoint)
        await _note(webhooks, store, endpoint.id, Action.CREATE, by, {"new": _told(endpoint)})
    return endpoint, secret


async def get(webhooks: Webhooks, endpoint_id: UUID) -> Endpoint:
    """Return an endpoint; raises NotFound."""
    async with webhooks.stores.read() as store:
        return await store.get(endpoint_id)


async def page(webhooks: Webhooks, page_size: int, page_token: str) -> tuple[Sequence[Endpoint], str]:
    """Return one page, newest first, and the token of the next; raises InvalidArgument."""
    asked = paging.request(page_size, page_token, binding=BINDING)
    async with webhooks.stores.read() as store:
        found = await store.page(asked.size + 1, pages.place(asked))
    return _cut(found, asked.size, BINDING)


async def change(
    webhooks: Webhooks,
    endpoint_id: UUID,
    draft: Draft,
    fields: Collection[str],
    etags: Collection[str],
    by: str,
) -> Endpoint:
    """Change the named fields to what the draft says; raises NotFound, Aborted, InvalidArgument."""
    webhooks.open_vault()
    values: dict[str, Any] = {name: getattr(draft, name) for name in fields}
    if "url" in values:
        values["url"] = await _url(webhooks, draft.url)
    async with webhooks.stores.write() as store:
        endpoint = await store.get(endpoint_id, hold=True)
        endpoint.expect(etags)
        if "events" in values:
            values["events"] = _events(draft.events)
        changed = replace(endpoint, **values)
        if changed == endpoint:
            return endpoint
        if changed.status is EndpointStatus.ENABLED and (
            endpoint.status is EndpointStatus.DISABLED or changed.url != endpoint.url
        ):
            changed = replace(changed, disabled_reason="", failing_since=None)
        changed = await store.change(replace(changed, updated_at=webhooks.clock()))
        facts = {"old": _told(endpoint), "new": _told(changed)}
        await _note(webhooks, store, endpoint_id, Action.UPDATE, by, facts)
    return changed


async def remove(webhooks: Webhooks, endpoint_id: UUID, etags: Collection[str], by: str) -> None:
    """Remove an endpoint, its secrets and its deliveries; raises NotFound, Aborted."""
    async with webhooks.stores.write() as store:
        endpoint = await store.get(endpoint_id, hold=True)
        endpoint.expect(etags)
        await store.remove(endpoint_id)
        await _note(webhooks, store, endpoint_id, Action.DELETE, by, {"old": _told(endpoint)})


async def rotate(webhooks: Webhooks, endpoint_id: UUID, keep: timedelta, by: str) -> tuple[Endpoint, bytes]:
    """Give an endpoint a new secret; those of before go on signing for a while."""
    vault, now = webhooks.open_vault(), webhooks.clock()
    secret = new_secret()
    async with webhooks.stores.write() as store:
        endpoint = await store.get(endpoint_id, hold=True)
        if keep and len(endpoint.signing(now)) >= MAXIMUM_SECRETS:
            raise FailedPrecondition(
                f"{MAXIMUM_SECRETS} secrets sign for this endpoint. Keep the earlier ones for no longer.",
                reason="TOO_MANY_SECRETS",
            )
        await store.add_secret(endpoint_id, Secret(uuid7(), vault.seal(secret), now), now + keep)
        facts = {"keep_earlier_seconds": keep.total_seconds()}
        await _note(webhooks, store, endpoint_id, Action.ROTATE, by, facts)
        return await store.get(endpoint_id), secret


async def try_out(webhooks: Webhooks, endpoint_id: UUID, by: str) -> Delivery:
    """Have a message sent that says nothing; raises NotFound, FailedPrecondition."""
    webhooks.open_vault()
    now = webhooks.clock()
    async with webhooks.stores.write() as store:
        (await store.get(endpoint_id)).require_enabled()
        facts = {"endpoint_id": str(endpoint_id)}
        delivery = Delivery(uuid7(), endpoint_id, Event.TEST, facts, now, now, now)
        await store.add_delivery(delivery)
        await _note(webhooks, store, endpoint_id, Action.TEST, by, {"delivery_id": str(delivery.id)})
    return delivery


async def delivery(webhooks: Webhooks, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Return a delivery; raises NotFound."""
    async with webhooks.stores.read() as store:
        return await store.delivery(endpoint_id, delivery_id)


async def deliveries(
    webhooks: Webhooks, endpoint_id: UUID, status: DeliveryStatus | None, page_size: int, page_token: str
) -> tuple[Sequence[Delivery], str]:
    """Return one page, newest first, and the token of the next; raises NotFound, InvalidArgument."""
    binding = f"webhook_deliveries endpoint_id={endpoint_id} status={status or ''} order=-id"
    asked = paging.request(page_size, page_token, binding=binding)
    async with webhooks.stores.read() as store:
        await store.get(endpoint_id)
        found = await store.deliveries(endpoint_id, status, asked.size + 1, pages.place(asked))
    return _cut(found, asked.size, binding)


async def redeliver(webhooks: Webhooks, endpoint_id: UUID, delivery_id: UUID, by: str) -> Delivery:
    """Have a message sent again, now, under its own id; raises NotFound, FailedPrecondition."""
    webhooks.open_vault()
    async with webhooks.stores.write() as store:
        (await store.get(endpoint_id)).require_enabled()
        await store.delivery(endpoint_id, delivery_id)
        await store.requeue(delivery_id)
        await _note(webhooks, store, endpoint_id, Action.REDELIVER, by, {"delivery_id": str(delivery_id)})
        return await store.delivery(endpoint_id, delivery_id)


async def _note(
    webhooks: Webhooks,
    store: WebhookStore,
    endpoint_id: UUID,
    action: Action,
    by: str,
    facts: Mapping[str, Any],
) -> None:
    await store.note(Change(endpoint_id, action, by, webhooks.clock(), facts))
    log.warning(metrics.WEBHOOK_CHANGED, endpoint_id=str(endpoint_id), action=action, changed_by=by)


def _told(endpoint: Endpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in EDITABLE}


async def _url(webhooks: Webhooks, text: str) -> str:
    try:
        if webhooks.resolver is None:
            webhooks.reach.target(text)
        else:
            await webhooks.reach.foresee(text, webhooks.resolver)
    except Refused as refusal:
        raise InvalidArgument("webhook_endpoint.url", str(refusal), "URL_REFUSED") from refusal
    return text


def _events(wanted: Sequence[Event]) -> tuple[Event, ...]:
    return tuple(dict.fromkeys(wanted)) or SUBSCRIBABLE


def _cut(found: Sequence[Any], size: int, binding: str) -> tuple[Sequence[Any], str]:
    shown = found[:size]
    more = len(found) > size
    return shown, paging.token([str(shown[-1].id)], binding=binding) if more else ""
