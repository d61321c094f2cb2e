"""Uploads: a body of any size becomes a stream of messages, sent no faster than the service takes them.

The first message holds what path, query and headers say, and the content type; each one behind it
holds bytes and nothing else. A request that has a field `is_last` gets one more, where that is true.
"""

import asyncio
import contextlib
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # of no public name, and without types
from starlette.datastructures import Headers
from starlette.types import Message as Event
from starlette.types import Receive

from gateway.transcoding import requests
from gateway.transcoding.bindings import Assembly
from gateway.transcoding.errors import Faults
from gateway.transcoding.options import Options

CHUNK_BYTES = 64 * 1024
# A client that is refused midway goes on sending, and reads no answer before it has ended.
_DISCARD_SECONDS = 30.0


async def require_size(receive: Receive, headers: Headers, options: Options, faults: Faults) -> None:
    """Raise Fault (413) if the body says that it is too large."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > options.maximum_upload_bytes:
        if "expect" not in headers:
            await requests.discard(receive)
        raise faults.too_large(options.maximum_upload_bytes)


async def send(
    call: Any, opening: bytes, assembly: Assembly, receive: Receive, options: Options, faults: Faults
) -> None:
    """Send the opening message and the body; returns early if the service has answered before its end.

    Raises Fault (408 if the client stalls, 413 if the body is too large) and Disconnected.
    """
    is_whole = False

    async def noticing() -> Event:
        nonlocal is_whole
        event = await receive()
        is_whole = not event.get("more_body", False)
        return event

    sending = asyncio.ensure_future(_send_all(call, opening, assembly, noticing, options, faults))
    answered = asyncio.ensure_future(call.code())
    try:
        await asyncio.wait({sending, answered}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and sending.result():
            return
    finally:
        for task in (sending, answered):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
    # Behind a body that has ended nothing comes but the client's going.
    if not is_whole:
        await requests.discard(receive, options.maximum_upload_bytes, _DISCARD_SECONDS)


async def _send_all(
    call: Any, opening: bytes, assembly: Assembly, receive: Receive, options: Options, faults: Faults
) -> bool:
    """Send everything; False if the service would not have it."""
    size = 0
    parts = requests.parts(receive)
    try:
        await call.wait_for_connection()
        await _write(call, opening)
        while (part := await _next(parts, options, faults)) is not None:
            size += len(part)
            if size > options.maximum_upload_bytes:
                raise faults.too_large(options.maximum_upload_bytes)
            for start in range(0, len(part), CHUNK_BYTES):
                await _write(call, assembly.part(part[start : start + CHUNK_BYTES]))
        if last := assembly.last():
            await _write(call, last)
        await call.done_writing()
    except (grpc.aio.AioRpcError, cygrpc.InternalError, asyncio.InvalidStateError):
        return False
    return True


async def _write(call: Any, message: bytes) -> None:
    """Send a message; raises cygrpc.InternalError if the service has answered already.

    Not `call.write()`: when that fails, it says INTERNAL in place of what the service has answered, if
    it fails before the answer is read. A service that refuses a file early would be misquoted.
    """
    await call._cython_call.send_serialized_message(message)  # noqa: SLF001  (no public name)


async def _next(parts: Any, options: Options, faults: Faults) -> bytes | None:
    try:
        async with asyncio.timeout(options.upload_idle_timeout):
            part: bytes | None = await anext(parts, None)
            return part
    except TimeoutError:
        raise faults.too_slow(options.upload_idle_timeout) from None
