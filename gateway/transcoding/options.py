"""What the application that mounts a transcoder may decide."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope

Metadata = Iterable[tuple[str, str | bytes]]


async def _no_metadata(_: Scope) -> Metadata:
    return ()


@asynccontextmanager
async def _no_admission(_: Any) -> AsyncIterator[None]:
    yield


@dataclass(frozen=True)
class Options:
    """Limits and allow-lists; the defaults are safe on the open internet."""

    error_domain: str = "transcoding"
    """`domain` of each ErrorInfo that the transcoder itself makes."""
    maximum_body_bytes: int = 4 * 1024 * 1024
    """Larger request bodies are refused with 413."""
    maximum_message_bytes: int = 4 * 1024 * 1024
    """Requests that are larger as protobuf are refused with 413; gRPC servers take 4 MiB unless told."""
    body_timeout: float = 60.0
    """Seconds that a client may take to send its body; then the answer is 408."""
    maximum_upload_bytes: int = 1024 * 1024 * 1024
    """Larger bodies are refused with 413 where the method takes them as a stream."""
    upload_idle_timeout: float = 30.0
    """Seconds that a client may send nothing amid an upload; then the answer is 408."""
    trailing_slash: bool = True
    """A path with a slash at its end is the same route, served without a redirect."""
    ignored_parameters: frozenset[str] = frozenset()
    """Query keys that are passed over; every other unknown key is refused with 400."""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers that services get to see, in lower case, and the metadata key of each."""
    metadata: Callable[[Scope], Awaitable[Metadata]] = _no_metadata
    """Makes further metadata for a call; may raise Fault to refuse the request."""
    admission: Callable[[Any], AbstractAsyncContextManager[None]] = _no_admission
    """Surrounds the call of a `Binding`, from the request's last byte to the answer's; may raise Fault."""
    unary_timeout: float = 30.0
    """Seconds a unary call may take; `Grpc-Timeout` and `Request-Timeout` can only shorten them."""
    stream_timeout: float = 600.0
    """Seconds a server stream may take, from the request to its last byte."""
    usual_stream: str = "application/x-ndjson"
    """The form of a stream of messages for who names none in `Accept`: see `streams`."""
    silence: float = 15.0
    """Seconds after which a quiet stream of events is told to be alive."""
    upload_timeout: float = 3600.0
    """Seconds a client stream may take, from the request to its answer."""
    timeouts: Mapping[str, float] = field(default_factory=dict)
    """Seconds for single methods, by `/package.Service/Method`."""

    def timeout_of(self, rpc_path: str, *, downloads: bool, uploads: bool) -> float:
        """Return the longest time that a call of this method may take, in seconds."""
        usual = self.unary_timeout
        if downloads:
            usual = self.stream_timeout
        elif uploads:
            usual = self.upload_timeout
        return self.timeouts.get(rpc_path, usual)
