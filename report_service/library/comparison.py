"""In what two bundles differ: files, the schema of the data, the strings of each locale.

Pure functions over files by name. Text is compared by lines, and cut where it would grow without end.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from typing import Any

from report_service.library.domain import BundleFile
from report_service.library.shelf import listed

TEXT_TYPES = (".j2", ".css", ".json", ".txt", ".md", ".svg")
COMPARED_BYTES = 128 * 1024
COMPARED_LINES = 3000
SHOWN_BYTES = 64 * 1024


class Change(StrEnum):
    """What became of something from one bundle to the other."""

    ADDED = "ADDED"
    REMOVED = "REMOVED"
    CHANGED = "CHANGED"


@dataclass(frozen=True)
class FileChange:
    """A file that is not the same in both."""

    name: str
    change: Change
    a: BundleFile | None
    b: BundleFile | None
    text_diff: str
    """In the unified format; empty for what is no text, or too large to compare by lines."""


@dataclass(frozen=True)
class ValueChange:
    """A value that is not the same in both, as text; empty where there is none."""

    place: str
    """JSON Pointer (RFC 6901) in the schema, or the key of a string."""
    change: Change
    a: str
    b: str


@dataclass(frozen=True)
class StringChange(ValueChange):
    """A string that is not the same in both."""

    locale: str


@dataclass(frozen=True)
class Comparison:
    """In what two bundles differ."""

    identical: bool
    files: tuple[FileChange, ...]
    schema: tuple[ValueChange, ...]
    strings: tuple[StringChange, ...]


def compare(a: Mapping[str, bytes], b: Mapping[str, bytes]) -> Comparison:
    """Compare two bundles, file by file and value by value, in alphabetical order."""
    files = tuple(_file_changes(a, b))
    return Comparison(not files, files, tuple(_schema_changes(a, b)), tuple(_string_changes(a, b)))


def _file_changes(a: Mapping[str, bytes], b: Mapping[str, bytes]) -> Iterator[FileChange]:
    before, after = ({each.name: each for each in listed(files)} for files in (a, b))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield FileChange(
                name,
                _change(name in before, name in after),
                before.get(name),
                after.get(name),
                _text_diff(name, a.get(name, b""), b.get(name, b"")),
            )


def _text_diff(name: str, a: bytes, b: bytes) -> str:
    if not name.endswith(TEXT_TYPES) or max(len(a), len(b)) > COMPARED_BYTES:
        return ""
    before, after = (text.decode(errors="replace").splitlines() for text in (a, b))
    if max(len(before), len(after)) > COMPARED_LINES:
        return ""
    shown, left = [], SHOWN_BYTES
    for line in unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm="", n=2):
        left -= len(line.encode()) + 1
        if left < 0:
            shown.append("…")
            break
        shown.append(line)
    return "\n".join(shown)


def _schema_changes(a: Mapping[str, bytes], b: Mapping[str, bytes]) -> Iterator[ValueChange]:
    before, after = (dict(_values(json.loads(files["schema.json"]))) for files in (a, b))
    yield from _value_changes(before, after)


def _string_changes(a: Mapping[str, bytes], b: Mapping[str, bytes]) -> Iterator[StringChange]:
    for name in sorted({each for each in (*a, *b) if each.startswith("strings/")}):
        before, after = (json.loads(files.get(name, b"{}")) for files in (a, b))
        texts = (
            {key: value if isinstance(value, str) else _text(value) for key, value in each.items()}
            for each in (before, after)
        )
        locale = name.removeprefix("strings/").removesuffix(".json")
        for each in _value_changes(*texts):
            yield StringChange(each.place, each.change, each.a, each.b, locale)


def _value_changes(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[ValueChange]:
    for place in sorted(a.keys() | b.keys()):
        if a.get(place) != b.get(place):
            yield ValueChange(place, _change(place in a, place in b), a.get(place, ""), b.get(place, ""))


def _values(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield what is inside a JSON value with its pointers; an empty object or list is a value itself."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _values(inner, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _values(inner, f"{pointer}/{index}")
    else:
        yield pointer, _text(value)


def _change(was: bool, is_now: bool) -> Change:
    return Change.CHANGED if was and is_now else Change.REMOVED if was else Change.ADDED


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
