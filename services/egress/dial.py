"""The door: from a host name to a connection with one of its checked addresses."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NamedTuple

import httpcore

from services.egress import Refused, Unreachable
from services.egress.addresses import Address, Network, objection
from services.egress.resolver import Resolver
from services.errors import InvalidArgument
from services.hosts import host_name

# A site that answers at none of its first few addresses is down for its visitors too.
_MAX_DIALLED: Final = 3

# What others know us by: in requests, and in robots.txt.
PRODUCT: Final = "LeadFactory"

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class Ports(NamedTuple):
    """Where the two schemes are dialled. 80 and 443, except where a trial has its site elsewhere."""

    http: int = 80
    https: int = 443

    def dialled(self, port: int) -> int:
        """Return the port to dial for a URL's port, 80 and 443 being mapped; raises Refused."""
        if port in self:
            return port
        try:
            return {80: self.http, 443: self.https}[port]
        except KeyError:
            raise Refused(f"port {port} is neither the web's port nor its secure one") from None


@dataclass(frozen=True, slots=True)
class Door(httpcore.AsyncNetworkBackend):
    """An httpcore network backend that lets through only what the egress rule allows.

    `inner` opens the sockets; it is handed IP addresses only, each of them checked. `user_agent` is
    how requests that go out here introduce themselves (RFC 9110 section 10.1.5).
    """

    resolver: Resolver
    inner: httpcore.AsyncNetworkBackend
    ports: Ports
    allowed: Sequence[Network] = ()
    user_agent: str = f"{PRODUCT}/1"

    async def admit(self, host: str) -> tuple[Address, ...]:
        """Return the addresses of `host`, all of which may be dialled.

        Raises:
            Refused: the host is no public name, or any one of its addresses is not public.
            Unresolved: it has no address, or DNS cannot say.
        """
        try:
            name = host_name(host)
        except InvalidArgument as error:
            raise Refused(f"{host!r} {error.violations[0].description}") from error
        addresses = await self.resolver.addresses(name)
        for address in addresses:
            if reason := objection(address, self.allowed):
                raise Refused(reason)
        return addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's interface)
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of `host` that answers, within `timeout` seconds."""
        dialled = self.ports.dialled(port)
        return await dial(self.inner, await self.admit(host), dialled, timeout, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's interface)
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: there is no way to a local socket."""
        raise Refused("a local socket is not the internet")


async def dial(
    inner: httpcore.AsyncNetworkBackend,
    addresses: Sequence[Address],
    port: int,
    seconds: float | None,
    socket_options: Iterable[SocketOption] | None = None,
) -> httpcore.AsyncNetworkStream:
    """Connect to the first address that answers, all tries within so many seconds; raises Unreachable.

    Whoever calls this has checked the addresses.
    """
    ends = time.monotonic() + seconds if seconds is not None else None
    failure = "no address was dialled"
    for place, address in enumerate(addresses[:_MAX_DIALLED]):
        # What is left of the time is shared among the addresses that are left.
        left = (ends - time.monotonic()) / (min(len(addresses), _MAX_DIALLED) - place) if ends else None
        try:
            stream = await inner.connect_tcp(str(address), port, left, None, socket_options)
        except httpcore.ConnectTimeout:
            failure = f"{address} port {port} did not answer"
        except httpcore.ConnectError as error:
            failure = f"{address} port {port}: {_words(error)}"
        else:
            await _insist(stream, address)
            return stream
    raise Unreachable(failure)


async def _insist(stream: httpcore.AsyncNetworkStream, address: Address) -> None:
    # The kernel dials what it was told to; this is here so that no later change of backend can make
    # the check above and the connection two different things.
    peer = stream.get_extra_info("server_addr")
    if peer is None or ip_address(peer[0]) != address:
        await stream.aclose()
        raise Refused(f"the connection does not lead to {address}")


def _words(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
        cause = cause.__cause__ or cause.__context__
    return "the connection failed"
