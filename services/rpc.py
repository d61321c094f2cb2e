"""One RPC on its way through steps, each of which is around the rest.

A step is a context manager around the handler: what it does before, and what it sees after. That form serves
unary and streaming RPCs alike.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from services.validation import Undecodable

# Infrastructure that tells nothing about leads; probes have no token to show.
OPEN_SERVICES = frozenset(
    {
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "grpc.reflection.v1.ServerReflection",
    }
)


@dataclass
class Rpc:
    """One RPC on its way through the steps."""

    method: str
    """``package.Service/Method``."""
    kind: str
    """unary, server_stream, client_stream or bidi_stream."""
    metadata: dict[str, str]
    context: grpc.aio.ServicerContext[Any, Any]
    request: Message | None = None
    """The one request, if it could be read; None for a stream of them."""
    check: Callable[[Message | Undecodable], None] | None = None
    """Set by the validation step; applied to every request message."""
    code: str = "OK"

    @property
    def service(self) -> str:
        """Full name of the service."""
        return self.method.partition("/")[0]

    @property
    def is_open(self) -> bool:
        """True for infrastructure that anyone may call."""
        return self.service in OPEN_SERVICES


Step = Callable[[Rpc], AbstractAsyncContextManager[None]]
"""Returns an asynchronous context manager around the rest of the RPC."""


class Interceptor(grpc.aio.ServerInterceptor):
    """Leads every RPC through the steps."""

    def __init__(self, steps: list[Step]) -> None:
        """Take the steps, outermost first."""
        self._steps = steps

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method's handler, keeping its kind."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method.lstrip("/")
        metadata = {
            key: value
            for key, value in handler_call_details.invocation_metadata or ()
            if isinstance(value, str)
        }
        return self._wrap(handler, method, metadata)

    def _wrap(self, handler: Any, method: str, metadata: dict[str, str]) -> Any:
        streams_in, streams_out = handler.request_streaming, handler.response_streaming
        kind = (
            ("bidi_stream" if streams_out else "client_stream")
            if streams_in
            else ("server_stream" if streams_out else "unary")
        )
        inner = (
            (handler.stream_stream if streams_out else handler.stream_unary)
            if streams_in
            else (handler.unary_stream if streams_out else handler.unary_unary)
        )

        def begin(context: grpc.aio.ServicerContext[Any, Any], request: Any) -> Rpc:
            return Rpc(method, kind, metadata, context, request if isinstance(request, Message) else None)

        def checked(rpc: Rpc, request: Any) -> Any:
            if rpc.check is None:
                return request
            if streams_in:
                return _checked_stream(request, rpc.check)
            rpc.check(request)
            return request

        def decoded(data: bytes) -> Any:
            try:
                return handler.request_deserializer(data)
            except DecodeError:
                # Told after the caller is known and admitted, like anything else that is wrong with it.
                return Undecodable()

        async def unary(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            rpc = begin(context, request)
            async with self._around(rpc):
                return await inner(checked(rpc, request), context)

        async def stream(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            rpc = begin(context, request)
            async with self._around(rpc):
                async for reply in inner(checked(rpc, request), context):
                    yield reply

        make = getattr(
            grpc,
            f"{'stream' if streams_in else 'unary'}_{'stream' if streams_out else 'unary'}"
            "_rpc_method_handler",
        )
        if streams_out and method.partition("/")[0] in OPEN_SERVICES:
            return handler
        return make(
            stream if streams_out else unary,
            request_deserializer=decoded,
            response_serializer=handler.response_serializer,
        )

    @asynccontextmanager
    async def _around(self, rpc: Rpc) -> AsyncIterator[None]:
        async with AsyncExitStack() as entered:
            for step in self._steps:
                await entered.enter_async_context(step(rpc))
            yield


async def _checked_stream(
    requests: AsyncIterable[Message], check: Callable[[Message | Undecodable], None]
) -> AsyncIterator[Message]:
    async for request in requests:
        check(request)
        yield request
