"""The transcoder: an ASGI application that serves every binding of an image."""

import asyncio
import logging
from collections.abc import Mapping

import grpc
from starlette.types import Receive, Scope, Send

from gateway.transcoding import requests
from gateway.transcoding.bindings import bindings
from gateway.transcoding.calls import Caller, CutShort
from gateway.transcoding.codec import Codec
from gateway.transcoding.errors import Fault, Faults
from gateway.transcoding.image import Image
from gateway.transcoding.options import Options
from gateway.transcoding.requests import Disconnected
from gateway.transcoding.scalars import InvalidField
from gateway.transcoding.templates import ANY_METHOD, Match, PathError, Routes

log = logging.getLogger("transcoding")

# Set in the ASGI scope once the route is known, for logs and metrics that must not hold whole paths.
ROUTE = "transcoding.route"


class Transcoder:
    """Serves an image over HTTP; what has no channel, or no form in HTTP, is left out."""

    def __init__(
        self, image: Image, channels: Mapping[str, grpc.aio.Channel], options: Options | None = None
    ) -> None:
        """Compile the routes; `channels` are by the service's full name. Raises TemplateError."""
        self._options = options or Options()
        codec = Codec(image)
        self.faults = Faults(codec, self._options.error_domain)
        self._routes: Routes[Caller] = Routes()
        self._drain = asyncio.Event()
        for binding in bindings(image):
            channel = channels.get(binding.service.full_name)
            if channel is not None and binding.is_servable:
                caller = Caller(binding, channel, codec, self.faults, self._options, self._drain)
                self._routes.add(binding.method, binding.template, caller)

    def drain(self) -> None:
        """End every stream of messages, properly and for good: its reader can resume it elsewhere."""
        self._drain.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http", "mount the transcoder for HTTP only"
        try:
            await self._serve(scope, receive, send)
        except InvalidField as wrong:
            await respond(self.faults.invalid(wrong), scope, send)
        except PathError as wrong:
            await respond(self.faults.invalid(InvalidField("", str(wrong), "INVALID_PATH")), scope, send)
        except Fault as fault:
            await respond(fault, scope, send)
        except CutShort:
            # An ASGI response without an end makes the server close the connection.
            return
        except (Disconnected, OSError) as gone:
            log.debug("client disconnected: %s", type(gone).__name__)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = requests.raw_path(scope), scope["method"]
        found = self._match(method, path)
        if found is None and method == "HEAD":
            found = self._match("GET", path)
        if found is None:
            allowed = self._allowed(path)
            if not allowed:
                raise self.faults.not_found()
            if method != "OPTIONS":
                raise self.faults.wrong_method(allowed)
            headers = [(b"allow", ", ".join(sorted(allowed)).encode())]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        scope[ROUTE] = found.template.text
        await found.value.serve(found.variables, scope, receive, send)

    def _match(self, method: str, path: str) -> Match[Caller] | None:
        found = self._routes.match(method, path)
        if found is None and self._has_slash(path):
            found = self._routes.match(method, path[:-1])
        return found

    def _allowed(self, path: str) -> set[str]:
        allowed = self._routes.methods(path)
        if self._has_slash(path):
            allowed |= self._routes.methods(path[:-1])
        if "GET" in allowed:
            allowed.add("HEAD")
        return allowed - {ANY_METHOD} | ({"OPTIONS"} if allowed else set())

    def _has_slash(self, path: str) -> bool:
        return self._options.trailing_slash and len(path) > 1 and path.endswith("/")


async def respond(fault: Fault, scope: Scope, send: Send) -> None:
    """Send a fault as the whole response."""
    body = fault.body()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **fault.headers}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.code, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
