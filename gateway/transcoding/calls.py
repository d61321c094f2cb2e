"""Calls: one HTTP request becomes one RPC, and its reply or its stream becomes the response."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from gateway.transcoding import conventions, requests, streams, uploads
from gateway.transcoding.bindings import Assembly, Binding
from gateway.transcoding.codec import Codec, class_of, parse
from gateway.transcoding.errors import Fault, Faults
from gateway.transcoding.options import Options
from gateway.transcoding.requests import Disconnected
from gateway.transcoding.responses import Pairs, Response, compressed, status_and_headers
from gateway.transcoding.wellknown import Unprintable

log = logging.getLogger("transcoding")

# A megabyte of JSON takes up to half a second to read, and all other requests would wait for it.
_QUICKLY_READ_BYTES = 64 * 1024
# One at a time: as messages, bodies take many times the memory that they took as text.
_large_bodies = ThreadPoolExecutor(1, "large-bodies")

Result = TypeVar("Result")
Metadata = list[tuple[str, str | bytes]]


class Caller:
    """Serves one binding over one channel."""

    def __init__(
        self,
        binding: Binding,
        channel: grpc.aio.Channel,
        codec: Codec,
        faults: Faults,
        options: Options,
        drain: asyncio.Event,
    ) -> None:
        """Prepare everything that does not depend on the request; `drain` ends streams of messages."""
        self.binding = binding
        self._codec = codec
        self._faults = faults
        self._options = options
        self._drain = drain
        self._assembly = Assembly(binding, codec, options.ignored_parameters)
        self._conventions = conventions.Conventions(binding)
        self._reply = class_of(binding.response)
        # No serialisers: what the codec refuses must be told apart from what the network does.
        streams = bool(binding.rpc.server_streaming)
        if binding.is_upload:
            make: Callable[..., Any] = channel.stream_unary
        else:
            make = channel.unary_stream if streams else channel.unary_unary
        self._call: Callable[..., Any] = make(binding.rpc_path)
        self._timeout = options.timeout_of(binding.rpc_path, downloads=streams, uploads=binding.is_upload)

    async def serve(self, variables: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request. Raises Fault while nothing is sent yet, and Disconnected."""
        headers = Headers(scope=scope)
        # First of all: whom the application refuses learns nothing about the request.
        metadata = await self._metadata(scope, headers)
        timeout = requests.timeout(headers, self._timeout)
        if self.binding.is_upload:
            await uploads.require_size(receive, headers, self._options, self._faults)
            packed = self._read(variables, requests.query(scope), headers, b"")
        else:
            packed = await self._request(variables, scope, headers, receive)
        async with self._options.admission(self.binding):
            given = () if self.binding.is_upload else (packed,)
            call = self._call(*given, metadata=metadata, timeout=timeout)
            await self._answer(call, packed, scope, headers, receive, send)

    async def _answer(
        self, call: Any, packed: bytes, scope: Scope, headers: Headers, receive: Receive, send: Send
    ) -> None:
        response = Response(send, head=scope["method"] == "HEAD")
        try:
            if self.binding.is_upload:
                await uploads.send(call, packed, self._assembly, receive, self._options, self._faults)
            if self.binding.rpc.server_streaming:
                usual = self._options.usual_stream
                is_raw = self.binding.raw_response
                framing = None if is_raw else streams.framing(headers.get("accept", ""), usual)
                answer = self._stream(call, response, framing)
            else:
                answer = self._unary(call, response, scope["method"], headers)
            await _unless_disconnected(answer, receive)
        except grpc.aio.AioRpcError as error:
            raise conventions.judged(self._faults.from_rpc(error), headers) from error
        except (Unprintable, DecodeError) as error:
            raise self._faults.broken_reply() from error
        finally:
            # Ends an RPC that nobody listens to any more; one that has ended does not mind.
            call.cancel()

    async def _request(
        self, variables: dict[str, str], scope: Scope, headers: Headers, receive: Receive
    ) -> bytes:
        query = requests.query(scope)
        body = await requests.body(receive, headers, self._options, self._faults)

        if len(body) <= _QUICKLY_READ_BYTES:
            return self._read(variables, query, headers, body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_large_bodies, self._read, variables, query, headers, body)

    def _read(self, variables: dict[str, str], query: Pairs, headers: Headers, body: bytes) -> bytes:
        message = self._message(variables, query, headers, body)
        self._conventions.fill(message, headers)
        return self._packed(message)

    def _message(self, variables: dict[str, str], query: Pairs, headers: Headers, body: bytes) -> Message:
        if self.binding.raw_body:
            return self._assembly.raw(variables, query, headers.get("content-type", ""), body)
        if not body:
            return self._assembly.json(variables, query)
        if not self.binding.takes_body:
            raise Fault(
                "INVALID_ARGUMENT",
                "This method takes no body.",
                details=[self._faults.info("BODY_UNEXPECTED")],
            )
        requests.require_json(headers, self._faults)
        return self._assembly.json(variables, query, parse(body))

    def _packed(self, message: Message) -> bytes:
        packed = message.SerializeToString()
        # JSON such as [1,1,1,...] grows on its way; the service would refuse it, and not so clearly.
        if len(packed) > self._options.maximum_message_bytes:
            raise self._faults.too_large(self._options.maximum_message_bytes)
        return packed

    async def _metadata(self, scope: Scope, headers: Headers) -> Metadata:
        pairs: Metadata = list(requests.metadata(headers, dict(self._options.request_headers)))
        if self.binding.raw_response:
            pairs += requests.metadata(headers, {name: f"http-{name}" for name in requests.DOWNLOAD_HEADERS})
        return pairs + list(await self._options.metadata(scope))

    async def _unary(self, call: Any, response: Response, method: str, asked: Headers) -> None:
        reply: Any = self._reply.FromString(await call)
        initial = await call.initial_metadata()
        if self.binding.raw_response:
            status, headers = status_and_headers(initial, raw=True)
            await response.whole(status, reply.content_type, headers, reply.data)
            return
        status, headers = status_and_headers(initial, raw=False)
        etag = self._conventions.etag(reply)
        if etag and not any(name == "etag" for name, _ in headers):
            headers.append(("etag", etag))
        if conventions.is_known(etag, method, asked):
            await response.whole(304, "", headers, b"")
            return
        headers, body = compressed(headers, self._json(reply), asked)
        await response.whole(status, "application/json", headers, body)

    def _json(self, reply: Any) -> bytes:
        field = self.binding.response_body
        if field is None:
            return self._codec.write(reply)
        return self._codec.member(reply, field)

    async def _stream(self, call: Any, response: Response, framing: streams.Framing | None) -> None:
        # The first message, or the failure, decides what the response begins with.
        reply = await self._next(call)
        if framing is None:
            content_type, fixed = reply.content_type if reply else "", []
        else:
            content_type, fixed = framing.content_type, streams.HEADERS
        status, headers = status_and_headers(await call.initial_metadata(), raw=framing is None)
        await response.begin(status, content_type, [*headers, *fixed])
        try:
            if framing is None:
                await self._bytes(call, response, reply)
            else:
                await self._messages(call, response, framing, reply)
            await response.end()
        except (grpc.aio.AioRpcError, Unprintable, DecodeError) as error:
            await self._break_off(error, response, framing)

    async def _bytes(self, call: Any, response: Response, reply: Any) -> None:
        while reply is not None and not response.is_complete:
            await response.more(bytes(reply.data))
            reply = await self._next(call)

    async def _messages(self, call: Any, response: Response, framing: streams.Framing, reply: Any) -> None:
        await response.more(framing.opening)
        before = b""
        while reply is not None and not response.is_complete:
            await response.more(before + framing.message(self._json(reply), self._conventions.token(reply)))
            before = framing.separator
            reply = await self._await(call, response, framing)
        await response.more(framing.closing)

    async def _next(self, call: Any) -> Any:
        packed = await call.read()
        return None if packed is grpc.aio.EOF else self._reply.FromString(packed)

    async def _await(self, call: Any, response: Response, framing: streams.Framing) -> Any:
        """Return the next message, or None if there is none or the stream is to end here.

        While it takes long, silence is sent: what says nothing for a minute is often cut off on the way.
        """
        reading = asyncio.ensure_future(self._next(call))
        draining = asyncio.ensure_future(self._drain.wait())
        try:
            while not reading.done() and not draining.done():
                done, _ = await asyncio.wait(
                    {reading, draining},
                    timeout=self._options.silence,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done:
                    await response.more(framing.silence)
            return reading.result() if reading.done() else None
        finally:
            reading.cancel()
            draining.cancel()

    async def _break_off(self, error: Exception, response: Response, framing: streams.Framing | None) -> None:
        """End a stream that fails midway: in words if it is of messages, by a cut if it is bytes."""
        log.warning("stream of %s broke off: %s", self.binding.rpc_path, type(error).__name__)
        if framing is None:
            # A proper end would pass the part for the whole; without one the server closes the connection.
            raise CutShort from error
        if isinstance(error, grpc.aio.AioRpcError):
            fault = self._faults.from_rpc(error)
        else:
            fault = self._faults.broken_reply()
        # What began has had a message: the first failure of all would have been the whole answer.
        await response.more(framing.separator + framing.failure(fault) + framing.closing)
        await response.end()


class CutShort(Exception):
    """The bytes of a response end before their end; the connection has to go."""


async def _unless_disconnected(work: Coroutine[Any, Any, Result], receive: Receive) -> Result:
    """Wait for the work, or cancel it when the client goes. Raises Disconnected.

    The work goes on in this task, which is cheaper than one of its own; so it is this task that is cancelled,
    and told apart from one that somebody else cancels, as `asyncio.timeout` does it.
    """
    working = asyncio.current_task()
    assert working is not None
    watching = asyncio.ensure_future(_disconnect(receive))
    is_over = is_gone = False

    def leave(_: object) -> None:
        nonlocal is_gone
        if not is_over:
            is_gone = True
            working.cancel()

    watching.add_done_callback(leave)
    try:
        return await work
    except asyncio.CancelledError:
        if is_gone and working.uncancel() == 0:
            raise Disconnected from None
        raise
    finally:
        is_over = True
        watching.cancel()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
