"""Messages to where an admin wants them: one POST, no redirects, one deadline for all of it.

A receiver out on the internet is reached by its public name, over TLS, on ports that are open for this.
What runs on the installation's own network is reached as far as its networks are allowed by name; there
any port will do, and plain HTTP, and a bare address.
"""

import asyncio
import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final

import httpcore
import httpx

from services.egress import Garbled, Refused, Unreachable, Unresolved
from services.egress.addresses import Address, Network, is_in, objection
from services.egress.dial import PRODUCT, SocketOption, dial
from services.egress.http import EgressTransport, Limits
from services.egress.resolver import Resolver
from services.errors import InvalidArgument
from services.hosts import host_name

LONGEST_URL: Final = 2000
# Of public hosts, unless a setting opens others.
PORTS: Final = frozenset({443})
_PORTS: Final = {"http": 80, "https": 443}
# Of an answer only the status counts; its first bytes may say what is wrong.
_READ_BYTES: Final = 1024
_INSIDE_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far messages may go: the ports of public hosts, and networks that are no strangers'."""

    ports: frozenset[int] = PORTS
    allowed: Sequence[Network] = ()

    def target(self, text: str) -> httpx.URL:
        """Read the URL of a receiver; raises Refused if it can be none. Nothing is looked up here."""
        if len(text) > LONGEST_URL:
            raise Refused(f"a URL is at most {LONGEST_URL} characters long")
        if any(ord(character) <= 32 or character == "\\" for character in text):
            raise Refused("a URL has no spaces, backslashes or control characters")
        try:
            url = httpx.URL(text)
            host = url.raw_host.decode("ascii")
        except (httpx.InvalidURL, ValueError) as error:
            raise Refused(f"this is no URL: {error}") from error
        if url.scheme not in ("http", "https"):
            raise Refused("a receiver has an https URL")
        if url.userinfo:
            raise Refused("the URL has credentials in it")
        if "#" in text:
            raise Refused("the URL has a fragment, which no receiver sees")
        if url.port is not None and not 0 < url.port < 65536:
            raise Refused("a port is between 1 and 65535")
        address = _address(host)
        if address is not None:
            self.admit(host, [address], url.port or _PORTS[url.scheme], is_secure=url.scheme == "https")
        elif not self.allowed:
            _insist_on_public(host, url.port or _PORTS[url.scheme], self.ports, url.scheme == "https")
        elif not _INSIDE_NAME.fullmatch(host):
            raise Refused("the URL's host is no name")
        return url

    async def foresee(self, text: str, resolver: Resolver) -> None:
        """Hold the URL of a receiver to the rule by what its name leads to now; raises Refused.

        A name that leads nowhere yet is no name of an allowed network, so it has to do as a public one.
        """
        url = self.target(text)
        host, is_secure = url.raw_host.decode("ascii"), url.scheme == "https"
        port = url.port or _PORTS[url.scheme]
        if _address(host) is not None or not self.allowed:
            return
        try:
            addresses = await resolver.addresses(host)
        except Unresolved as nowhere:
            try:
                _insist_on_public(host, port, self.ports, is_secure)
            except Refused as refusal:
                raise Refused(f"{refusal}; and it leads to no allowed network: {nowhere}") from refusal
            return
        self.admit(host, addresses, port, is_secure=is_secure)

    def admit(self, host: str, addresses: Sequence[Address], port: int, *, is_secure: bool) -> None:
        """Raise Refused unless a host with these addresses may be sent to on this port."""
        if not addresses:
            raise Refused("the host has no address")
        outside = [each for each in addresses if not is_in(each, self.allowed)]
        if not outside:
            return
        for address in outside:
            if reason := objection(address):
                raise Refused(reason)
        _insist_on_public(host, port, self.ports, is_secure)


@dataclass(frozen=True, slots=True)
class Slot(httpcore.AsyncNetworkBackend):
    """An httpcore network backend that opens connections for messages, within their reach."""

    resolver: Resolver
    reach: Reach
    inner: httpcore.AsyncNetworkBackend = field(default_factory=httpcore.AnyIOBackend)
    is_secure: bool = True

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's interface)
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of `host` that answers, within `timeout` seconds."""
        literal = _address(host)
        if literal is None and not self.reach.allowed:
            # Before DNS is asked: no name that can only be an inside one leaves.
            _insist_on_public(host, port, self.reach.ports, self.is_secure)
        addresses = [literal] if literal else await self.resolver.addresses(host)
        self.reach.admit(host, addresses, port, is_secure=self.is_secure)
        return await dial(self.inner, addresses, port, timeout, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's interface)
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: there is no way to a local socket."""
        raise Refused("a local socket is no receiver")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said: its status, and in how many seconds it wants to be asked again."""

    status: int
    retry_after: int | None
    beginning: str

    @property
    def is_accepted(self) -> bool:
        """Whether the message has arrived. A redirect is no arrival: it is not followed."""
        return 200 <= self.status < 300


async def post(
    slot: Slot,
    tls: ssl.SSLContext,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    seconds: float,
) -> Answer:
    """Send one message and return what the receiver says within so many seconds.

    Raises:
        Refused: the message may not go there.
        Unreachable: there was no answer, or none in time.
        Garbled: the answer cannot be understood.
    """
    target = slot.reach.target(url)
    door = replace(slot, is_secure=target.scheme == "https")
    request = httpx.Request(
        "POST",
        target,
        content=body,
        headers={"User-Agent": f"{PRODUCT}/1", "Accept-Encoding": "identity", **headers},
    )
    try:
        async with (
            asyncio.timeout(seconds),
            EgressTransport(door, tls, Limits(timeout_seconds=seconds)) as transport,
        ):
            response = await transport.handle_async_request(request)
            try:
                return Answer(response.status_code, _retry_after(response), await _beginning(response))
            finally:
                await response.aclose()
    except TimeoutError:
        raise Unreachable(f"no answer within {seconds:g} s") from None


async def _beginning(response: httpx.Response) -> str:
    read = b""
    try:
        async for part in response.aiter_raw():
            read += part
            if len(read) >= _READ_BYTES:
                break
    except (Unreachable, Garbled):
        # The status has been said; that the rest broke off changes nothing.
        pass
    text = read[:_READ_BYTES].decode("utf-8", "replace")
    return "".join(each if each.isprintable() else " " for each in text).strip()


def _retry_after(response: httpx.Response) -> int | None:
    # The other form, a date, is rare, and the sender's own back-off does as well.
    value = response.headers.get("retry-after", "")
    return int(value) if value.isdecimal() and value.isascii() and len(value) <= 6 else None


def _insist_on_public(host: str, port: int, ports: frozenset[int], is_secure: bool) -> None:
    try:
        host_name(host)
    except InvalidArgument as error:
        raise Refused(f"the URL's host {error.violations[0].description}") from error
    if not is_secure:
        raise Refused("plain HTTP is for networks that are allowed by name; others are sent to over https")
    if port not in ports:
        raise Refused(f"port {port} is not open for this")


def _address(host: str) -> Address | None:
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
