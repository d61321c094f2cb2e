"""What is added to a response by those who do not make it: cookies that were renewed, limits that apply."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ADDED = "leadfactory.response_headers"


def add_header(scope: Scope, name: str, value: str) -> None:
    """Have the response to this request carry one more header."""
    scope[_ADDED].append((name.encode("latin-1"), value.encode("latin-1")))


def add_cookies(scope: Scope, cookies: list[str]) -> None:
    """Have the response to this request set cookies."""
    for cookie in cookies:
        add_header(scope, "set-cookie", cookie)


class Additions:
    """Middleware that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        added: list[tuple[bytes, bytes]] = []
        scope[_ADDED] = added

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, adding)
