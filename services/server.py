"""A gRPC server with the full list of interceptors around whatever services it is given.

Apart from ``services.process``, so that a worker does not carry what only a server needs.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection

from services import interceptors
from services.process import Check, Loop, live
from services.rpc import Interceptor
from services.settings import ServiceSettings
from services.tokens import TokenVerifier

MAXIMUM_MESSAGE_BYTES = 4 * 1024 * 1024

OPTIONS = [
    ("grpc.max_receive_message_length", MAXIMUM_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 32 * 1024),
    ("grpc.max_connection_age_ms", 300_000),
    # An upload or a download of an hour runs to its end on the connection that it began on.
    ("grpc.max_connection_age_grace_ms", 3_600_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.so_reuseport", 0),
]


class Service(NamedTuple):
    """What a process offers over gRPC."""

    descriptor: ServiceDescriptor
    add: Callable[[Any, Any], None]
    """The generated ``add_…Servicer_to_server``."""
    servicer: Any


async def serve(
    settings: ServiceSettings,
    *,
    process: str,
    services: Sequence[Service],
    ready: Check,
    on_refusal: interceptors.OnRefusal | None = None,
    loops: Sequence[Loop] = (),
) -> None:
    """Offer services as the process of that name until it is told to stop.

    ``on_refusal`` is told of every call of somebody known that is refused or fails; ``loops`` run beside.
    """
    server = build(settings, services, on_refusal=on_refusal)
    await live(settings, process=process, server=server, loops=loops, ready=ready)


def build(
    settings: ServiceSettings,
    services: Sequence[Service],
    *,
    on_refusal: interceptors.OnRefusal | None = None,
) -> grpc.aio.Server:
    """Return a server that offers the services and their reflection; nothing listens yet."""
    steps = interceptors.steps(
        TokenVerifier.from_settings(settings), on_refusal, certified=settings.tls_certificate_file is not None
    )
    server = grpc.aio.server(
        interceptors=[Interceptor(steps)],
        options=OPTIONS,
        maximum_concurrent_rpcs=settings.maximum_concurrent_rpcs,
    )
    for service in services:
        service.add(service.servicer, server)
    names = (service.descriptor.full_name for service in services)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    return server
