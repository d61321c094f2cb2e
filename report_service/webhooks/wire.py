"""Between the messages of the webhook service and this package's own values."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from protos.leadfactory.report.v1 import webhook_pb2 as pb
from report_service.webhooks.domain import Delivery, DeliveryStatus, Endpoint, EndpointStatus, Event
from report_service.webhooks.endpoints import EDITABLE, Draft
from report_service.webhooks.signing import shown
from services import masks
from services.errors import InvalidArgument
from services.times import timestamp, timestamp_if_given

KEEP_EARLIER_SECONDS = 24 * 3600


def draft(message: pb.WebhookEndpoint) -> Draft:
    """Read what an admin says of an endpoint."""
    status = pb.WebhookEndpoint.Status.Name(message.status)
    return Draft(
        url=message.url,
        description=message.description,
        events=tuple(Event[pb.WebhookEndpoint.Event.Name(each)] for each in message.events),
        status=EndpointStatus(status) if message.status else EndpointStatus.ENABLED,
    )


def revision(request: pb.UpdateWebhookEndpointRequest) -> tuple[Draft, Collection[str]]:
    """Read new values, and which of them to take; raises InvalidArgument."""
    given = request.webhook_endpoint
    if given.id not in ("", request.id):
        raise InvalidArgument("webhook_endpoint.id", "differs from the id of the endpoint", "ID_DIFFERS")
    return draft(given), masks.taken(request.update_mask, EDITABLE)


def etags(request: pb.UpdateWebhookEndpointRequest | pb.DeleteWebhookEndpointRequest) -> set[str]:
    """Read how the caller knows the endpoint."""
    given = {request.etag}
    if isinstance(request, pb.UpdateWebhookEndpointRequest):
        given.add(request.webhook_endpoint.etag)
    return given - {""}


def keep_earlier(request: pb.RotateWebhookSecretRequest) -> timedelta:
    """Read for how long earlier secrets go on signing."""
    is_set = request.HasField("keep_earlier_seconds")
    return timedelta(seconds=request.keep_earlier_seconds if is_set else KEEP_EARLIER_SECONDS)


def status(request: pb.ListWebhookDeliveriesRequest) -> DeliveryStatus | None:
    """Read which deliveries a caller wants to see."""
    if not request.status:
        return None
    return DeliveryStatus(pb.WebhookDelivery.Status.Name(request.status))


def endpoint_message(endpoint: Endpoint, at: datetime, secret: bytes | None = None) -> pb.WebhookEndpoint:
    """Write an endpoint, with a secret that was just made, or none."""
    return pb.WebhookEndpoint(
        id=str(endpoint.id),
        url=endpoint.url,
        description=endpoint.description,
        events=[pb.WebhookEndpoint.Event.Value(each.name) for each in endpoint.events],
        status=pb.WebhookEndpoint.Status.Value(endpoint.status),
        disabled_reason=endpoint.disabled_reason,
        secret=shown(secret) if secret else "",
        secrets=[
            pb.WebhookEndpoint.Secret(
                created_at=timestamp(each.created_at), expires_at=timestamp_if_given(each.expires_at)
            )
            for each in endpoint.signing(at)
        ],
        failing_since=timestamp_if_given(endpoint.failing_since),
        created_by=endpoint.created_by,
        created_at=timestamp(endpoint.created_at),
        updated_at=timestamp_if_given(endpoint.updated_at),
        etag=endpoint.etag,
    )


def endpoints_message(found: Sequence[Endpoint], token: str, at: datetime) -> pb.ListWebhookEndpointsResponse:
    """Write a page of endpoints."""
    messages = [endpoint_message(each, at) for each in found]
    return pb.ListWebhookEndpointsResponse(webhook_endpoints=messages, next_page_token=token)


def delivery_message(delivery: Delivery) -> pb.WebhookDelivery:
    """Write a delivery."""
    waits = delivery.status is DeliveryStatus.PENDING
    return pb.WebhookDelivery(
        id=str(delivery.id),
        endpoint_id=str(delivery.endpoint_id),
        event=pb.WebhookEndpoint.Event.Value(delivery.event.name),
        status=pb.WebhookDelivery.Status.Value(delivery.status),
        report_id=delivery.facts.get("report_id", ""),
        batch_id=delivery.facts.get("batch_id", ""),
        occurred_at=timestamp_if_given(delivery.occurred_at),
        attempts=delivery.attempts,
        next_attempt_at=timestamp_if_given(delivery.next_attempt_at) if waits else None,
        response_status=delivery.response_status or 0,
        error=delivery.error,
        ended_at=timestamp_if_given(delivery.ended_at),
    )


def deliveries_message(found: Sequence[Delivery], token: str) -> pb.ListWebhookDeliveriesResponse:
    """Write a page of deliveries."""
    messages = map(delivery_message, found)
    return pb.ListWebhookDeliveriesResponse(webhook_deliveries=messages, next_page_token=token)
