"""The services behind the gateway: a channel to each, and whether each is ready."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.settings import GatewaySettings
from gateway.transcoding import Image
from gateway.transcoding.bindings import bindings
from services import channels, connections
from services.certificates import Certificates

READINESS = "readiness"
READINESS_SECONDS = 2.0
SERVICES = {
    "leadfactory.lead.v1.LeadService": "lead",
    "leadfactory.lead.v1.LeadTransferService": "lead",
    "leadfactory.report.v1.ReportService": "report",
    "leadfactory.report.v1.TemplateService": "report",
    "leadfactory.report.v1.AssuranceService": "report",
    "leadfactory.report.v1.WebhookService": "report",
    "leadfactory.report.v1.ReportAuditService": "report",
    "leadfactory.lineage.v1.LineageService": "lineage",
}
"""The context of each service: those of one context answer at one address."""
_RETRY = {
    "maxAttempts": 3,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


class Backends:
    """Channels by context, open until the application ends."""

    def __init__(self, by_context: Mapping[str, grpc.aio.Channel]) -> None:
        """Take one channel for each context in `SERVICES`."""
        self._channels = by_context

    def by_service(self) -> dict[str, grpc.aio.Channel]:
        """Return the channels by full service name, as the transcoder wants them."""
        return {service: self._channels[context] for service, context in SERVICES.items()}

    async def unready(self) -> dict[str, str]:
        """Ask every service at once; return the ones that are not ready, and why."""
        answers = await asyncio.gather(*map(_why_unready, self._channels.values()))
        return {context: why for context, why in zip(self._channels, answers, strict=True) if why}


@asynccontextmanager
async def connect(settings: GatewaySettings, image: Image) -> AsyncIterator[Backends]:
    """Open the channels; must run inside the event loop. Nothing is dialled before the first call."""
    options = _options(image)
    addresses = {
        "lead": settings.lead_service_address,
        "report": settings.report_service_address,
        "lineage": settings.lineage_service_address,
    }
    certificates = Certificates.of(settings)
    opened = {
        name: connections.connect(address, certificates, options) for name, address in addresses.items()
    }
    try:
        yield Backends(opened)
    finally:
        await asyncio.gather(*(channel.close(grace=1.0) for channel in opened.values()))


def _options(image: Image) -> list[tuple[str, Any]]:
    """Return the channel options of every process, but retry what only reads.

    A connection that breaks leaves open whether a write was carried out; its caller has to decide.
    """
    methods: dict[tuple[str, str], set[str]] = {}
    for each in bindings(image):
        methods.setdefault((each.service.full_name, each.rpc.name), set()).add(each.method)
    reads = [
        {"service": service, "method": rpc} for (service, rpc), verbs in methods.items() if verbs == {"GET"}
    ]
    config = channels.SERVICE_CONFIG | {"methodConfig": [{"name": reads, "retryPolicy": _RETRY}]}
    changed = {
        "grpc.service_config": json.dumps(config),
        # Services are neighbours: a proxy of the environment is for the world outside.
        "grpc.enable_http_proxy": 0,
    }
    return list((dict(channels.OPTIONS) | changed).items())


async def _why_unready(channel: grpc.aio.Channel) -> str:
    request = health_pb2.HealthCheckRequest(service=READINESS)
    try:
        reply = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=READINESS_SECONDS)
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)
    serving = health_pb2.HealthCheckResponse.SERVING
    return (
        ""
        if reply.status == serving
        else str(health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status))
    )
