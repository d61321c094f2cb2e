"""Pages: the built console, and the few small pages for when there is none or nobody is logged in."""

import base64
import hashlib
from html import escape
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gateway.observation import PAGE
from gateway.perimeter import CONSOLE_POLICY

DIST = Path(__file__).parent / "console" / "dist"
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"

_STYLE = Path(__file__).with_suffix(".css").read_text()


def style_policy(style: str) -> str:
    """Return a content security policy that admits nothing but this one inline style sheet."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )


def note(title: str, text: str, command: str, status: int) -> Response:
    """Return a small page that says what to do next, and the command that does it."""
    return _page(title, text, f"<p><code>{escape(command)}</code></p>", status)


def sign_in_again(title: str, text: str, status: int) -> Response:
    """Return a small page about a sign-in that came to nothing, with the way to another."""
    return _page(title, text, '<p><a href="/login">Sign in</a></p>', status)


def _page(title: str, text: str, way_on: str, status: int) -> Response:
    page = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - LeadFactory</title><style>{_STYLE}</style></head>
<body><main><h1>{escape(title)}</h1><p>{escape(text)}</p>{way_on}
<p><a href="/docs">API documentation</a></p></main></body></html>
"""
    headers = {"content-security-policy": style_policy(_STYLE), "cache-control": "no-store"}
    return HTMLResponse(page, status, headers)


def link_is_used() -> Response:
    """Return the page for a login link that was used, is too old, or never was."""
    return note(
        "This login link does not work any more",
        "A link logs in once, and within the hour. Get a new one on the machine that LeadFactory runs on:",
        "make login",
        401,
    )


class Console(StaticFiles):
    """The console's files; every other path that a person opens is a page inside of it."""

    def __init__(self, directory: Path = DIST) -> None:
        """Serve what is there when it is asked for: the console may be built later."""
        super().__init__(directory=directory, check_dir=False)
        self.config_checked = True
        self._index = directory / "index.html"

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, the console's page, or a hint how to build it."""
        scope[PAGE] = "console"
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or not (path == "." or _is_navigation(Request(scope))):
                raise
            response = None
        if response is None:
            if not self._index.is_file():
                return _not_built()
            response = FileResponse(self._index)
        response.headers["content-security-policy"] = CONSOLE_POLICY
        response.headers["cache-control"] = _FOREVER if path.startswith("assets/") else _ASK_AGAIN
        return response


def _is_navigation(request: Request) -> bool:
    """Tell a person who opens a page from a script or a style sheet that is missing."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


def _not_built() -> Response:
    return note(
        "The console is not built yet",
        "The API works without it. To build the console, run this in the checkout and reload:",
        "npm --prefix gateway/console ci && npm --prefix gateway/console run build",
        503,
    )
