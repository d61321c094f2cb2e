"""Cookies that hold sealed values: unreadable, unchangeable, out of scripts' reach, each for one purpose."""

from collections.abc import Iterator
from http.cookies import SimpleCookie

from starlette.requests import HTTPConnection, cookie_parser

from gateway.oidc.seal import Seal

# Browsers take 4096 bytes for name, value and attributes together; tokens may need more, in several.
_PIECE_BYTES = 3800
MOST_PIECES = 6


class TooLong(Exception):
    """A value needs more cookies than are sent."""


class Cookies:
    """Names, seals and splits cookies."""

    def __init__(self, seal: Seal, is_secure: bool) -> None:
        """Take what seals; over TLS, names are such that no other host can set these cookies (`__Host-`)."""
        self._seal = seal
        self._is_secure = is_secure

    def read(self, connection: HTTPConnection, purpose: str) -> bytes | None:
        """Return what was stored for this purpose, or None if it is not there or not ours."""
        sent = cookie_parser(connection.headers.get("cookie", ""))
        names = self._names(connection, purpose)
        pieces = []
        for name in names:
            if not sent.get(name):
                break
            pieces.append(sent[name])
        return self._seal.open("".join(pieces), purpose) if pieces else None

    def write(self, connection: HTTPConnection, purpose: str, value: bytes, max_age: int) -> list[str]:
        """Return the Set-Cookie headers that store a value for some seconds. Raises TooLong."""
        sealed = self._seal.close(value, purpose)
        pieces = [sealed[at : at + _PIECE_BYTES] for at in range(0, len(sealed), _PIECE_BYTES)]
        if len(pieces) > MOST_PIECES:
            raise TooLong(f"{len(sealed)} bytes")
        named = dict(zip(self._names(connection, purpose), pieces, strict=False))
        stored = [self._header(name, piece, max_age) for name, piece in named.items()]
        # Pieces of a longer value from before would be read as the end of this one.
        return [*stored, *self._without(connection, purpose, set(named))]

    def clear(self, connection: HTTPConnection, purpose: str) -> list[str]:
        """Return the Set-Cookie headers that remove what the browser has of this purpose."""
        return list(self._without(connection, purpose, set()))

    def _without(self, connection: HTTPConnection, purpose: str, kept: set[str]) -> Iterator[str]:
        sent = cookie_parser(connection.headers.get("cookie", ""))
        for name in self._names(connection, purpose):
            if name in sent and name not in kept:
                yield self._header(name, "", 0)

    def _names(self, connection: HTTPConnection, purpose: str) -> list[str]:
        # Browsers tell ports apart everywhere but in cookies; `__Host-` needs Secure and the path `/`.
        port = connection.url.port
        name = f"{'__Host-' if self._is_secure else ''}leadfactory_{purpose}{f'_{port}' if port else ''}"
        return [name, *(f"{name}.{number}" for number in range(2, MOST_PIECES + 1))]

    def _header(self, name: str, value: str, max_age: int) -> str:
        cookie: SimpleCookie = SimpleCookie()
        cookie[name] = value
        cookie[name].update({"path": "/", "max-age": str(max_age), "samesite": "lax"})
        cookie[name]["httponly"] = True
        if self._is_secure:
            cookie[name]["secure"] = True
        return cookie[name].OutputString()
