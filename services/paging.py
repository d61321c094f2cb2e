"""Keyset pages (AIP-158): a token is the place where the last page ended, bound to its query."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from services.errors import InvalidArgument

DEFAULT_SIZE = 50
LARGEST_SIZE = 200


@dataclass(frozen=True)
class PageRequest:
    """Which page is asked for."""

    size: int
    after: tuple[str, ...] | None
    """Sort key of the last item of the page before; None for the first page."""


def request(page_size: int, page_token: str, *, binding: str) -> PageRequest:
    """Read what a client asked for; ``binding`` is the filter and order in canonical text.

    A size of 0 means 50 and more than 200 means 200. Raises InvalidArgument for a token that is
    garbled, or was made for another filter or order.
    """
    size = min(page_size or DEFAULT_SIZE, LARGEST_SIZE)
    return PageRequest(size, _read(page_token, binding) if page_token else None)


def token(position: Sequence[str], *, binding: str) -> str:
    """Return the opaque token of the page after ``position``."""
    text = json.dumps([_digest(binding), *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def foreign_token(why: str = "is not one that a page returned") -> InvalidArgument:
    """Return the refusal of a token, by which nobody can go on."""
    return InvalidArgument(
        "page_token", f"{why}; leave it empty to start at the first page", "PAGE_TOKEN_INVALID"
    )


def _read(page_token: str, binding: str) -> tuple[str, ...]:
    try:
        text = base64.urlsafe_b64decode(page_token + "=" * (-len(page_token) % 4))
        digest, *position = json.loads(text)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise foreign_token() from None
    if not position or not all(isinstance(each, str) and "\0" not in each for each in position):
        raise foreign_token()
    if digest != _digest(binding):
        raise foreign_token("was made for another filter or order")
    return tuple(position)


def _digest(binding: str) -> str:
    return hashlib.sha256(binding.encode()).hexdigest()[:16]
