"""WebhookService over gRPC: decode, one call, encode."""

from typing import Any
from uuid import UUID

import grpc

from protos.leadfactory.report.v1 import webhook_pb2 as pb
from protos.leadfactory.report.v1 import webhook_pb2_grpc
from report_service.webhooks import endpoints, wire
from report_service.webhooks.endpoints import Webhooks
from services.identity import current_actor

Context = grpc.aio.ServicerContext[Any, Any]


class WebhookServicer(webhook_pb2_grpc.WebhookServiceServicer):
    """Keeps the promises of ``webhook.proto``."""

    def __init__(self, webhooks: Webhooks) -> None:
        """Take where endpoints are kept."""
        self._webhooks = webhooks

    async def CreateWebhookEndpoint(
        self, request: pb.CreateWebhookEndpointRequest, context: Context
    ) -> pb.WebhookEndpoint:
        """Register an endpoint."""
        draft, by = wire.draft(request.webhook_endpoint), current_actor().subject
        made, secret = await endpoints.create(self._webhooks, draft, by)
        return wire.endpoint_message(made, self._webhooks.clock(), secret)

    async def ListWebhookEndpoints(
        self, request: pb.ListWebhookEndpointsRequest, context: Context
    ) -> pb.ListWebhookEndpointsResponse:
        """Return one page of endpoints."""
        found = await endpoints.page(self._webhooks, request.page_size, request.page_token)
        return wire.endpoints_message(*found, self._webhooks.clock())

    async def GetWebhookEndpoint(
        self, request: pb.GetWebhookEndpointRequest, context: Context
    ) -> pb.WebhookEndpoint:
        """Return one endpoint."""
        found = await endpoints.get(self._webhooks, UUID(request.id))
        return wire.endpoint_message(found, self._webhooks.clock())

    async def UpdateWebhookEndpoint(
        self, request: pb.UpdateWebhookEndpointRequest, context: Context
    ) -> pb.WebhookEndpoint:
        """Change an endpoint."""
        (draft, fields), by = wire.revision(request), current_actor().subject
        changed = await endpoints.change(
            self._webhooks, UUID(request.id), draft, fields, wire.etags(request), by
        )
        return wire.endpoint_message(changed, self._webhooks.clock())

    async def DeleteWebhookEndpoint(
        self, request: pb.DeleteWebhookEndpointRequest, context: Context
    ) -> pb.DeleteWebhookEndpointResponse:
        """Remove an endpoint."""
        by = current_actor().subject
        await endpoints.remove(self._webhooks, UUID(request.id), wire.etags(request), by)
        return pb.DeleteWebhookEndpointResponse()

    async def TestWebhookEndpoint(
        self, request: pb.TestWebhookEndpointRequest, context: Context
    ) -> pb.WebhookDelivery:
        """Send a message that says nothing."""
        by = current_actor().subject
        return wire.delivery_message(await endpoints.try_out(self._webhooks, UUID(request.id), by))

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, context: Context
    ) -> pb.WebhookEndpoint:
        """Give an endpoint a new secret."""
        keep, by = wire.keep_earlier(request), current_actor().subject
        changed, secret = await endpoints.rotate(self._webhooks, UUID(request.id), keep, by)
        return wire.endpoint_message(changed, self._webhooks.clock(), secret)

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, context: Context
    ) -> pb.ListWebhookDeliveriesResponse:
        """Return one page of deliveries."""
        found = await endpoints.deliveries(
            self._webhooks,
            UUID(request.endpoint_id),
            wire.status(request),
            request.page_size,
            request.page_token,
        )
        return wire.deliveries_message(*found)

    async def GetWebhookDelivery(
        self, request: pb.GetWebhookDeliveryRequest, context: Context
    ) -> pb.WebhookDelivery:
        """Return one delivery."""
        ids = UUID(request.endpoint_id), UUID(request.id)
        return wire.delivery_message(await endpoints.delivery(self._webhooks, *ids))

    async def RedeliverWebhook(
        self, request: pb.RedeliverWebhookRequest, context: Context
    ) -> pb.WebhookDelivery:
        """Send a message again."""
        ids, by = (UUID(request.endpoint_id), UUID(request.id)), current_actor().subject
        return wire.delivery_message(await endpoints.redeliver(self._webhooks, *ids, by))
