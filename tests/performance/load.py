"""A light client: HTTP/1.1 over connections that stay open, each with one request under way.

It costs the same whoever answers, and little. Paced, it asks at a fixed rate, and a request that could not be
sent in time has waited since it was due: who stalls does not get fewer questions meanwhile.
"""

import asyncio
import re
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, cast

Ask = Callable[[bytes], bytes]
"""Returns the next request of a connection, whole, given the body of the answer before; empty at first."""

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Load(NamedTuple):
    """What came back."""

    answers: int
    seconds: float
    median: float
    """Milliseconds, as p99."""
    p99: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


def request(method: str, target: str, token: str, body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {token}"]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, ask: Ask, until: float, taken: list[float], pause: float, wait: float) -> None:
        self._ask, self._until, self._taken, self._pause = ask, until, taken, pause
        self._due = time.perf_counter() + wait
        self._body, self._received, self._whole = b"", b"", 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._whole:
            head, end, _ = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            length = _LENGTH.search(head)
            if not (head.startswith(b"HTTP/1.1 200") and length):
                self._fail(AssertionError(self._received[:1000]))
                return
            self._whole = len(head) + len(end) + int(length[1])
            self._body_at = len(head) + len(end)
        if len(self._received) == self._whole:
            self._taken.append(time.perf_counter() - self._due)
            self._body, self._received, self._whole = self._received[self._body_at :], b"", 0
            self._due = self._due + self._pause if self._pause else time.perf_counter()
            self._next()

    def _next(self) -> None:
        now = time.perf_counter()
        if max(now, self._due) >= self._until:
            if not self.ended.done():
                self.ended.set_result(None)
            self._transport.close()
        elif self._due > now:
            asyncio.get_running_loop().call_later(self._due - now, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._transport.write(self._ask(self._body))


async def load(port: int, asks: Sequence[Ask], *, seconds: float, rate: float = 0) -> Load:
    """Ask for so long over a connection each: at this rate a second over all, or as fast as answers come."""
    loop, taken, opened = asyncio.get_running_loop(), list[float](), list[_Connection]()
    began = time.perf_counter()
    pause = len(asks) / rate if rate else 0.0
    for number, ask in enumerate(asks):
        make = partial(_Connection, ask, began + seconds, taken, pause, pause * number / len(asks))
        _, made = await loop.create_connection(make, "127.0.0.1", port)
        opened.append(made)
    await asyncio.gather(*(each.ended for each in opened))
    spent = time.perf_counter() - began
    ranks = statistics.quantiles(taken, n=100)
    return Load(len(taken), spent, ranks[49] * 1000, ranks[98] * 1000)
