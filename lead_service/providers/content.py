"""What a page's markup says: texts, language, Open Graph, the organisation behind it, links and images."""

import json
from collections import deque
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from lead_service.facts import Fact, FactState, Observation
from lead_service.names import registrable_domain

NAMES: Final = (
    "title",
    "description",
    "language",
    "canonical",
    "open_graph",
    "organisation",
    "links.internal",
    "links.external",
    "images",
    "images_without_alt",
)
_MAX_ITEMS: Final = 50
_MAX_JSON_NODES: Final = 5000
# Types of schema.org that name whoever runs the page, beside those that end in one of the words below.
_ORGANISATIONS: Final = frozenset(
    {"Corporation", "Restaurant", "Hotel", "Bakery", "NGO", "Person", "Airline"}
)
_ORGANISATION_ENDINGS: Final = ("Organization", "Business", "Store", "Agency", "Service")
_ORGANISATION_FIELDS: Final = (
    *("@type", "name", "legalName", "url", "email", "telephone", "vatID", "taxID", "foundingDate"),
    *("address", "sameAs"),
)
_ADDRESS_FIELDS: Final = ("streetAddress", "postalCode", "addressLocality", "addressRegion", "addressCountry")


def content_facts(seen: Observation, tree: LexborHTMLParser, url: str, problem: str) -> list[Fact]:
    """Return one fact for each of NAMES; `problem` says why the tree is not the whole page, if it is not."""

    def texts(name: str, values: list[str], absence: str) -> Fact:
        if any(value.strip() for value in values):
            return seen.found(name, values)
        if problem:
            return seen.without(name, FactState.ERROR, f"not in what could be read: the page is {problem}")
        return seen.without(name, FactState.NOT_FOUND, absence)

    def count(name: str, number: int) -> Fact:
        if problem:
            return seen.without(name, FactState.ERROR, f"cannot be counted: the page is {problem}")
        return seen.found(name, [str(number)])

    title, html = tree.css_first("title"), tree.css_first("html[lang]")
    inside, outside = _links(tree, url)
    images = tree.css("img")
    return [
        texts("title", [title.text()] if title else [], "the page has no title"),
        texts("description", _metas(tree, "name", "description")[:1], "the page has no description"),
        texts("language", [_value(html, "lang")] if html else [], "the page does not name its language"),
        texts(
            "canonical",
            [_value(link, "href") for link in tree.css('link[rel~="canonical" i][href]')][:1],
            "the page names no canonical address",
        ),
        texts("open_graph", _open_graph(tree), "the page has no Open Graph description"),
        texts("organisation", _organisation(tree), "the page does not say in JSON-LD who runs it"),
        count("links.internal", inside),
        count("links.external", outside),
        count("images", len(images)),
        # An empty `alt` is right for what only decorates; a missing one never is.
        count("images_without_alt", sum("alt" not in image.attributes for image in images)),
    ]


def _value(node: LexborNode, name: str) -> str:
    return node.attributes.get(name) or ""


def _metas(tree: LexborHTMLParser, key: str, name: str) -> list[str]:
    return [
        _value(meta, "content")
        for meta in tree.css(f"meta[{key}][content]")
        if _value(meta, key).strip().lower() == name
    ]


def _open_graph(tree: LexborHTMLParser) -> list[str]:
    return [
        f"{_value(meta, 'property').strip()}: {_value(meta, 'content')}"
        for meta in tree.css('meta[property^="og:" i][content]')[:_MAX_ITEMS]
    ]


def _links(tree: LexborHTMLParser, url: str) -> tuple[int, int]:
    """Count links to pages of the same registered domain, and to others."""
    own = registrable_domain(urlsplit(url).hostname or "")
    inside = outside = 0
    for link in tree.css("a[href]"):
        try:
            target = urlsplit(_value(link, "href").strip())
            host = target.hostname
        except ValueError:
            continue
        if target.scheme not in ("", "http", "https"):
            continue
        if host is None or host == own or host.endswith(f".{own}"):
            inside += 1
        else:
            outside += 1
    return inside, outside


def _organisation(tree: LexborHTMLParser) -> list[str]:
    for script in tree.css('script[type="application/ld+json" i]')[:_MAX_ITEMS]:
        try:
            data = json.loads(script.text())
        except (ValueError, RecursionError):
            continue
        for node in _nodes(data):
            if _is_organisation(node.get("@type")):
                return [
                    f"{name.removeprefix('@')}: {text}"
                    for name in _ORGANISATION_FIELDS
                    for text in _texts(node.get(name))
                ]
    return []


def _nodes(data: Any) -> Iterator[dict[str, Any]]:
    """Every object in the data, outer ones first."""
    waiting = deque([data])
    for _ in range(_MAX_JSON_NODES):
        if not waiting:
            return
        node = waiting.popleft()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _is_organisation(kind: Any) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    return any(
        isinstance(each, str) and (each in _ORGANISATIONS or each.endswith(_ORGANISATION_ENDINGS))
        for each in kinds
    )


def _texts(value: Any) -> list[str]:
    match value:
        case str() | int() | float():
            return [str(value)]
        case list():
            return [
                text for each in value[:_MAX_ITEMS] if isinstance(each, (str, dict)) for text in _texts(each)
            ]
        case dict():
            parts = [value.get(name) for name in _ADDRESS_FIELDS]
            return [", ".join(part for part in parts if isinstance(part, str))] if any(parts) else []
        case _:
            return []
