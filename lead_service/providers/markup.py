"""Strangers' HTML, decoded and parsed within bounds.

Parsing by the standard is quadratic in the depth of nesting: 256 KiB of opening tags, sent as a few
hundred bytes of gzip, would hold a worker up for fifteen seconds. So a page is read as far as its
elements nest as deep as browsers bear.
"""

import re
from dataclasses import dataclass
from typing import Final

import webencodings  # type: ignore[import-untyped]  # ships no types
from selectolax.lexbor import LexborHTMLParser

# Chromium's own bound on the depth of a document.
MAX_DEPTH: Final = 512

# `charset` in a Content-Type header or in a meta element (HTML, "determining the character encoding").
_CHARSET: Final = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_META_PRESCAN_BYTES: Final = 1024
_SVG: Final = re.compile(r"<svg\b", re.IGNORECASE)
_SVG_END: Final = re.compile(r"</svg\s*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
# Elements that have no end tag, or whose end tag may be left out because the next one closes them.
# fmt: off
_UNNESTED: Final = frozenset((
    "area", "base", "body", "br", "caption", "col", "colgroup", "dd", "dt", "embed", "head", "hr",
    "html", "img", "input", "li", "link", "meta", "optgroup", "option", "p", "param", "rp", "rt",
    "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Markup:
    """A parsed page; `problem` says why it is not the whole (empty: it is)."""

    tree: LexborHTMLParser
    problem: str


def parse(body: bytes, content_type: str) -> Markup:
    """Parse a page, whose charset its Content-Type may tell."""
    text = _without_drawings(decode(body, content_type))
    end = _too_deep(text)
    if end is None:
        return Markup(LexborHTMLParser(text), "")
    return Markup(
        LexborHTMLParser(text[:end]),
        f"nested deeper than {MAX_DEPTH} elements; the rest was not read",
    )


def decode(body: bytes, content_type: str) -> str:
    """Return a page's text, in the charset of its byte order mark, header or meta element, or UTF-8."""
    declared = _CHARSET.search(content_type.encode("latin-1", "replace")) or _CHARSET.search(
        body[:_META_PRESCAN_BYTES]
    )
    # Only the Web's own charsets (WHATWG Encoding): Python knows others, some of them slow by design.
    charset = webencodings.lookup(declared.group(1).decode("ascii")) if declared else None
    return str(webencodings.decode(body, charset or webencodings.UTF8)[0])


def _without_drawings(text: str) -> str:
    # Inline SVG has elements without end tags, and titles of its own; nothing is read from it.
    parts, position = [], 0
    while (start := _SVG.search(text, position)) and (end := _SVG_END.search(text, start.end())):
        parts.append(text[position : start.start()])
        position = end.end()
    return "".join([*parts, text[position:]])


def _too_deep(text: str) -> int | None:
    depth = 0
    for tag in _TAG.finditer(text):
        if tag.group(2).lower() in _UNNESTED:
            continue
        depth = max(0, depth - 1) if tag.group(1) else depth + 1
        if depth > MAX_DEPTH:
            return tag.start()
    return None
