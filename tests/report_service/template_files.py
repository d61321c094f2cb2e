"""A small bundle that passes every check, for tests to spoil."""

import json
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from tests.report_service.rendering_inputs import the_bundle

PAGE = """<!DOCTYPE html>
<html lang="{{ t.locale }}"><head><meta charset="utf-8"><title>{{ t("title") }}</title>
<link rel="stylesheet" href="report.css"></head>
<body><h1>{{ t("greeting", name=lead.name) }}</h1></body></html>
"""
STYLE = """@font-face { font-family: "Plain"; src: url(fonts/Plain.woff2) }
html { font-family: "Plain" }
"""
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["lead", "locale", "render_time"],
    "properties": {"lead": {"type": "object", "required": ["name"]}},
}
SAMPLE = {"lead": {"name": "Ada"}, "locale": "en", "render_time": "2026-11-21T08:00:00Z"}


def small(**changes: Any) -> dict[str, bytes]:
    """Return the files; a change names a file with ``__`` for the dot and ``_in_`` for the slash.

    A text or bytes replaces the file, None removes it, anything else is written as JSON.
    """
    files: dict[str, Any] = {
        "report.html.j2": PAGE,
        "report.css": STYLE,
        "fonts/Plain.woff2": the_bundle().path.joinpath("fonts/IBMPlexSans-Regular.woff2").read_bytes(),
        "strings/en.json": {"title": "Greeting", "greeting": "Good morning, {name}"},
        "strings/de.json": {"title": "Gruß", "greeting": "Guten Morgen, {name}"},
        "schema.json": SCHEMA,
        "sample.json": SAMPLE,
    }
    files |= {name.replace("_in_", "/").replace("__", "."): value for name, value in changes.items()}
    return {name: _bytes(value) for name, value in files.items() if value is not None}


def zipped(files: dict[str, bytes]) -> bytes:
    """Return an archive as any tool might make it."""
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return archive.getvalue()


def _bytes(value: Any) -> bytes:
    match value:
        case bytes():
            return value
        case str():
            return value.encode()
        case _:
            return json.dumps(value).encode()
