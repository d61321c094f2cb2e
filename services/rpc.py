"""One RPC on its way through steps, each of which is around the rest.

A step is asked once for each method, when it is first called, and returns what handles a call: a coroutine
that does something, awaits the rest and may look at how it ended. Streams of replies are written to the
call's context on the way, so that this one form serves unary and streaming RPCs alike.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from services.validation import Undecodable

# Infrastructure that tells nothing about leads; probes have no token to show.
OPEN_SERVICES = frozenset(
    {
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "grpc.reflection.v1.ServerReflection",
    }
)

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class Method:
    """What is called."""

    full_name: str
    """``package.Service/Method``."""
    streams_in: bool
    streams_out: bool

    @property
    def service(self) -> str:
        """Full name of the service."""
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        """Name within the service."""
        return self.full_name.partition("/")[2]

    @property
    def kind(self) -> str:
        """unary, server_stream, client_stream or bidi_stream."""
        if self.streams_in:
            return "bidi_stream" if self.streams_out else "client_stream"
        return "server_stream" if self.streams_out else "unary"

    @property
    def is_open(self) -> bool:
        """True for infrastructure that anyone may call."""
        return self.service in OPEN_SERVICES


@dataclass(slots=True)
class Rpc:
    """One call of a method on its way through the steps."""

    context: Context
    metadata: dict[str, str]
    request: Any
    """The request, an Undecodable for bytes that are none, or the stream of them."""
    code: str = "OK"


Handle = Callable[[Rpc], Awaitable[Any]]
"""Does what is left to do for a call, and returns the reply; None if replies were streamed."""
Step = Callable[[Method, Handle], Handle]
"""Returns what handles a method's calls around the rest; the rest itself where there is nothing to do."""


class Interceptor(grpc.aio.ServerInterceptor):
    """Leads every RPC through the steps."""

    def __init__(self, steps: list[Step]) -> None:
        """Take the steps, outermost first."""
        self._steps = steps
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method's handler, keeping its kind."""
        called = handler_call_details.method
        if called not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._wrapped[called] = self._wrap(handler, called.lstrip("/"))
        return self._wrapped[called]

    def _wrap(self, handler: Any, full_name: str) -> Any:
        method = Method(full_name, handler.request_streaming, handler.response_streaming)
        if method.streams_out and method.is_open:
            return handler
        ways = f"{'stream' if method.streams_in else 'unary'}_{'stream' if method.streams_out else 'unary'}"
        handle = (_streaming if method.streams_out else _replying)(getattr(handler, ways))
        for step in reversed(self._steps):
            handle = step(method, handle)

        def decoded(data: bytes) -> Any:
            try:
                return handler.request_deserializer(data)
            except DecodeError:
                # Told after the caller is known and admitted, like anything else that is wrong with it.
                return Undecodable()

        async def serve(request: Any, context: Context) -> Any:
            given = context.invocation_metadata() or ()
            metadata = {key: value for key, value in given if isinstance(value, str)}
            return await handle(Rpc(context, metadata, request))

        return getattr(grpc, f"{ways}_rpc_method_handler")(
            serve, request_deserializer=decoded, response_serializer=handler.response_serializer
        )


def _replying(behaviour: Callable[[Any, Context], Awaitable[Any]]) -> Handle:
    async def reply(rpc: Rpc) -> Any:
        return await behaviour(rpc.request, rpc.context)

    return reply


def _streaming(behaviour: Callable[[Any, Context], AsyncGenerator[Any, None]]) -> Handle:
    async def stream(rpc: Rpc) -> None:
        async with aclosing(behaviour(rpc.request, rpc.context)) as replies:
            async for reply in replies:
                await rpc.context.write(reply)

    return stream
