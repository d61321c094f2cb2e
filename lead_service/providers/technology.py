"""What a site is made with, by the traces that products leave in headers, cookies and markup.

The rules are data, our own: `technology.toml` says how they are written.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from selectolax.lexbor import LexborHTMLParser

from services.egress.http import Page

_RULES: Final = Path(__file__).with_name("technology.toml")
_MAX_TEXTS: Final = 300
_MAX_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Product:
    """A product and its traces: where to look (`generator`, `script`, `header.server`, …), and for what."""

    name: str
    kind: str
    traces: Mapping[str, re.Pattern[str]]


@cache
def products() -> tuple[Product, ...]:
    """Return every product that is known, in the order of the file."""
    return tuple(
        Product(
            name,
            kind,
            {where: re.compile(pattern, re.IGNORECASE) for where, pattern in _flat(traces).items()},
        )
        for kind, members in tomllib.loads(_RULES.read_text("utf-8")).items()
        for name, traces in members.items()
    )


def technologies(page: Page, tree: LexborHTMLParser | None) -> list[str]:
    """Return one line a product: its name, version and kind, and by which trace it was recognised."""
    texts = {"cookie": _cut(each.partition("=")[0].strip() for each in page.header("set-cookie"))}
    if tree is not None:
        texts["generator"] = _cut(
            meta.attributes.get("content") or ""
            for meta in tree.css("meta[name][content]")
            if (meta.attributes.get("name") or "").lower() == "generator"
        )
        texts["script"] = _cut(script.attributes.get("src") or "" for script in tree.css("script[src]"))
        texts["link"] = _cut(link.attributes.get("href") or "" for link in tree.css("link[href]"))
        texts["frame"] = _cut(frame.attributes.get("src") or "" for frame in tree.css("iframe[src]"))
    return [line for product in products() if (line := _recognised(product, page, texts))]


def _recognised(product: Product, page: Page, texts: Mapping[str, list[str]]) -> str:
    for where, pattern in product.traces.items():
        header = where.removeprefix("header.")
        for text in texts.get(where, ()) if header == where else _cut(page.header(header)):
            if found := pattern.search(text):
                version = found.groupdict().get("version")
                name = f"{product.name} {version}" if version else product.name
                return (
                    f"{name} ({product.kind}), by {'header ' + header if header != where else where}: {text}"
                )
    return ""


def _flat(traces: Mapping[str, str | Mapping[str, str]]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for where, pattern in traces.items():
        if isinstance(pattern, str):
            flat[where] = pattern
        else:
            flat |= {f"{where}.{name}": each for name, each in pattern.items()}
    return flat


def _cut(texts: Iterable[str]) -> list[str]:
    return [text[:_MAX_LENGTH] for text, _ in zip(texts, range(_MAX_TEXTS), strict=False)]
