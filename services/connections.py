"""Where processes meet: a server's port and a client's channel, in plain text or over mutual TLS."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import grpc

from services.certificates import Certificates

Options = Sequence[tuple[str, Any]]
# An upload or a download of an hour runs to its end on the connection that it began on.
LONGEST_CALL_SECONDS = 3600.0


def listen(server: grpc.aio.Server, address: str, certificates: Certificates | None) -> int:
    """Have a server listen at ``host:port``, over TLS if there are certificates; return the port."""
    if certificates is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, certificates.server_credentials())


def connect(
    address: str,
    certificates: Certificates | None,
    options: Options,
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
) -> grpc.aio.Channel:
    """Open a channel; must run inside the event loop. Nothing is dialled before the first call.

    Over TLS the server must show a certificate that names the host of the address.
    """
    if certificates is None:
        return grpc.aio.insecure_channel(address, options, interceptors=interceptors)

    def opened(credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(address, credentials, options, interceptors=interceptors)

    return RenewedChannel(certificates, opened)


def names(shown: Mapping[str, Iterable[bytes]]) -> set[str]:
    """Return whom the caller's certificate names, from a call's ``auth_context()``.

    A DNS name stands for itself, a URI, as SPIFFE has it, for its last part.
    """
    hosts = {each.decode(errors="replace") for each in shown.get("peer_dns", ())}
    return hosts | {each.decode(errors="replace").rpartition("/")[2] for each in shown.get("peer_uri", ())}


class RenewedChannel(grpc.aio.Channel):
    """A channel that shows this process's present certificate.

    gRPC keeps what a channel was opened with. So a renewed certificate is a new channel, for the calls
    that begin from then on; those under way end on the old one.
    """

    def __init__(
        self, certificates: Certificates, opened: Callable[[grpc.ChannelCredentials], grpc.aio.Channel]
    ) -> None:
        """Take what opens a channel with credentials."""
        self._certificates, self._opened = certificates, opened
        self._shown = certificates.current()
        self._channel = opened(self._shown.of_a_client())
        self._former: dict[grpc.aio.Channel, asyncio.Task[None]] = {}

    def present(self) -> grpc.aio.Channel:
        """Return the channel for a call that begins now."""
        shown = self._certificates.current()
        if shown is not self._shown:
            former, self._shown = self._channel, shown
            self._channel = self._opened(shown.of_a_client())
            ending = asyncio.create_task(former.close(LONGEST_CALL_SECONDS))
            self._former[former] = ending
            ending.add_done_callback(lambda _: self._former.pop(former, None))
        return self._channel

    async def close(self, grace: float | None = None) -> None:
        """Close what is open, former channels too."""
        endings = list(self._former.values())
        for each in endings:
            each.cancel()
        open_ones = [self._channel, *self._former]
        await asyncio.gather(*endings, return_exceptions=True)
        await asyncio.gather(*(each.close(grace) for each in open_ones))

    async def __aenter__(self) -> "RenewedChannel":
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return the state of the present channel."""
        return self.present().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the present channel is in another state."""
        await self.present().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until the present channel is connected."""
        await self.present().channel_ready()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Return what calls such a method."""
        return _Method(self, lambda channel: channel.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Return what calls such a method."""
        return _Method(self, lambda channel: channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Return what calls such a method."""
        return _Method(self, lambda channel: channel.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Return what calls such a method."""
        return _Method(self, lambda channel: channel.stream_stream(*args, **kwargs))


class _Method:
    """A method of whichever channel is present."""

    def __init__(self, channel: RenewedChannel, made: Callable[[grpc.aio.Channel], Any]) -> None:
        self._channel, self._made = channel, made
        self._of: grpc.aio.Channel | None = None
        self._call: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        present = self._channel.present()
        if present is not self._of:
            self._of, self._call = present, self._made(present)
        return self._call(*args, **kwargs)
