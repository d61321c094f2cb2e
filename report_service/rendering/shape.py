"""What a bundle must have before anything in it is run: its files, and JSON that is as it should be."""

import re
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

import orjson
import rfc8785

from services.errors import FieldViolation

REQUIRED = ("report.html.j2", "schema.json", "sample.json", "strings/en.json")
DEPTH = 64
"""Levels of lists and objects that a JSON file may have."""

_LOCALE = re.compile(r"strings/[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\.json")


def flaws(files: Mapping[str, bytes]) -> list[FieldViolation]:
    """Return what is wrong with the files of a bundle, each flaw with the name of the file."""
    found = [
        FieldViolation(name, "is missing: every bundle has it", "FILE_MISSING")
        for name in REQUIRED
        if name not in files
    ]
    for name in files:
        if name.endswith((".j2", ".css")):
            found += _text_flaws(name, files[name])
    values: dict[str, Any] = {}
    for name in files:
        if name.endswith(".json"):
            try:
                values[name] = parsed(files[name])
            except ValueError as error:
                found.append(FieldViolation(name, f"is no usable JSON: {error}", "JSON_INVALID"))
    for name in ("schema.json", "sample.json"):
        if name in values and not isinstance(values[name], dict):
            found.append(FieldViolation(name, "must be a JSON object", "JSON_INVALID"))
    found += _strings_flaws(
        {name: values[name] for name in sorted(values) if name.startswith("strings/")},
    )
    return found


def parsed(content: bytes) -> Any:
    """Return the value of a JSON file that canonical JSON can hold; raises ``ValueError``."""
    value = orjson.loads(content)
    level, depth = [value], 0
    while level:  # not by recursion, which is what deep nesting is sent for
        depth += 1
        if depth > DEPTH:
            raise ValueError(f"it is nested deeper than {DEPTH} levels")
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    rfc8785.dumps(value)  # an integer beyond 2^53 - 1 is none that every reader agrees on
    return value


def placeholders(text: str) -> set[str]:
    """Return the names in braces; raises ``ValueError`` for anything in braces but a name."""
    names = set()
    for _, name, form, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ValueError(f"{{{name[:60]}}} is no plain name")
        names.add(name)
    return names


def _text_flaws(name: str, content: bytes) -> list[FieldViolation]:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return [FieldViolation(name, f"is not UTF-8: byte {error.start}", "TEXT_INVALID")]
    return []


def _strings_flaws(locales: Mapping[str, Any]) -> Iterator[FieldViolation]:
    english = locales.get("strings/en.json")
    for name, texts in locales.items():
        if not _LOCALE.fullmatch(name):
            yield FieldViolation(name, "is not named by a BCP 47 tag", "NAME_REFUSED")
        if not isinstance(texts, dict):
            yield FieldViolation(name, "must be a JSON object", "JSON_INVALID")
            continue
        for key, text in texts.items():
            lines = text if isinstance(text, list) else [text]
            if not all(isinstance(line, str) for line in lines):
                yield FieldViolation(f"{name}: {key}", "must be a text or a list of texts", "STRING_INVALID")
        if not isinstance(english, dict):
            continue
        for key in english:
            if key not in texts:
                yield FieldViolation(f"{name}: {key}", "is missing, and English has it", "STRING_MISSING")
        for key, text in texts.items():
            if isinstance(text, str) and isinstance(english.get(key, ""), str):
                yield from _placeholder_flaws(f"{name}: {key}", text, english.get(key))


def _placeholder_flaws(field: str, text: str, english: str | None) -> Iterator[FieldViolation]:
    try:
        names = placeholders(text)
        unknown = names - placeholders(english) if english is not None else set()
    except ValueError as error:
        yield FieldViolation(field, f"has braces that are no placeholder: {error}", "PLACEHOLDER_INVALID")
        return
    if unknown:
        yield FieldViolation(
            field, f"asks for {', '.join(sorted(unknown))}, which English does not", "PLACEHOLDER_INVALID"
        )
