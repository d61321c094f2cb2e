"""/docs: the OpenAPI document as one page, without a script and without anything from elsewhere."""

import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from gateway import pages
from gateway.transcoding.schemas import Schema

_CODE = re.compile(r"`([^`]+)`")
_MARKED = r"<code>\1</code>"

STYLE = Path(__file__).with_suffix(".css").read_text()

POLICY = pages.style_policy(STYLE)


def render(document: dict[str, Any]) -> bytes:
    """Return the page for an OpenAPI document."""
    return _Page(document).html().encode()


class _Page:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._schemas: dict[str, Schema] = document["components"]["schemas"]
        self._by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
        for path, operations in document["paths"].items():
            for verb, operation in operations.items():
                self._by_tag.setdefault(operation["tags"][0], []).append((path, verb, operation))

    def html(self) -> str:
        info = self._document["info"]
        title = escape(info["title"])
        sections = "".join(
            self._section(tag) for tag in self._document["tags"] if tag["name"] in self._by_tag
        )
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title} API</title><style>{STYLE}</style></head><body>"
            f'<div class="layout"><nav aria-label="Operations"><strong>{title} API</strong>'
            f"{self._menu()}</nav>"
            f"<main><h1>{title} API</h1>{_prose(info.get('description', ''))}"
            f'<p><a href="/openapi.json">OpenAPI {escape(self._document["openapi"])} document</a> ·'
            ' <a href="/">Console</a></p>'
            f"{sections}</main></div></body></html>\n"
        )

    def _menu(self) -> str:
        lines = []
        for tag, operations in self._by_tag.items():
            lines.append(f"<h2>{escape(_spaced(tag))}</h2>")
            for path, verb, operation in operations:
                target = escape(operation["operationId"])
                shown = escape(path.removeprefix("/api")).replace("/", "<wbr>/")
                lines.append(f'<a href="#{target}">{_verb(verb)} {shown}</a>')
        return "".join(lines)

    def _section(self, tag: dict[str, str]) -> str:
        articles = "".join(self._article(*each) for each in self._by_tag[tag["name"]])
        about = _prose(tag["description"], "soft")
        return f"<section><h2>{escape(_spaced(tag['name']))}</h2>{about}{articles}</section>"

    def _article(self, path: str, verb: str, operation: dict[str, Any]) -> str:
        parts = [
            f'<article id="{escape(operation["operationId"])}">',
            f'<p class="route">{_verb(verb)} {escape(path)}</p>',
            _prose(operation["description"] or operation["summary"]),
        ]
        if operation["parameters"]:
            rows = (
                (each["name"], each["schema"], each.get("required", False), each)
                for each in operation["parameters"]
            )
            parts.append("<h3>Parameters</h3>" + self._table(rows))
        body = operation.get("requestBody", {}).get("content", {})
        for kind, content in body.items():
            parts.append(f"<h3>Request body <code>{escape(kind)}</code></h3>{self._shape(content)}")
        parts.append(f"<h3>Example</h3><pre>{escape(self._curl(path, verb, operation))}</pre>")
        reply = operation["responses"]["200"]
        for kind, content in reply["content"].items():
            shape = self._shape(content) or _prose(reply["description"])
            parts.append(f"<details><summary>Response <code>{escape(kind)}</code></summary>{shape}</details>")
        parts.append(f"<details><summary>Failures</summary>{self._failures(operation)}</details>")
        return "".join(parts) + "</article>"

    def _failures(self, operation: dict[str, Any]) -> str:
        lines = []
        for code, reference in operation["responses"].items():
            if "$ref" in reference:
                shared = self._document["components"]["responses"][reference["$ref"].rpartition("/")[2]]
                lines.append(f"<tr><td>{escape(code)}</td><td>{_prose(shared['description'])}</td></tr>")
        return f"<table><tbody>{''.join(lines)}</tbody></table>"

    def _shape(self, content: dict[str, Any]) -> str:
        whole = self._resolved(content["schema"])
        properties = whole.get("properties")
        if not properties:
            return ""
        required = whole.get("required", [])
        table = self._table((name, each, name in required, each) for name, each in properties.items())
        if "example" not in content:
            return table
        sample = json.dumps(content["example"], indent=2, ensure_ascii=False)
        return f"{table}<details><summary>As JSON</summary><pre>{escape(sample)}</pre></details>"

    def _table(self, rows: Iterator[tuple[str, Schema, bool, dict[str, Any]]]) -> str:
        lines = []
        for name, schema, required, described in rows:
            text = described.get("description") or self._resolved(schema).get("description", "")
            needed = ' <span class="soft">required</span>' if required else ""
            cells = (f"<code>{escape(name)}</code>{needed}", self._type(schema), _prose(text))
            lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        head = "<tr><th>Name</th><th>Type</th><th>Meaning</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>"

    def _type(self, schema: Schema) -> str:
        if "$ref" in schema:
            name = escape(schema["$ref"].rpartition("/")[2])
            values = self._resolved(schema).get("enum", ())
            return name + _aside(", ".join(each for each in values if not each.endswith("_UNSPECIFIED")))
        kind = schema.get("type", "any")
        if kind == "array":
            return f"list of {self._type(schema['items'])}"
        text = " or ".join(kind) if isinstance(kind, list) else str(kind)
        limits = {
            "minLength": "at least {} characters",
            "maxLength": "at most {} characters",
            "minimum": "from {}",
        }
        limits |= {
            "maximum": "to {}",
            "exclusiveMinimum": "above {}",
            "minItems": "at least {}",
            "maxItems": "at most {}",
        }
        notes = [schema["format"]] if "format" in schema else []
        notes += [text.format(schema[keyword]) for keyword, text in limits.items() if keyword in schema]
        return escape(text) + _aside(", ".join(notes))

    def _resolved(self, schema: Schema) -> Schema:
        return self._schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def _curl(self, path: str, verb: str, operation: dict[str, Any]) -> str:
        method = "" if verb == "get" else f"-X {verb.upper()} "
        lines = [f'curl {method}"$LEADFACTORY{path}"', '-H "Authorization: Bearer $TOKEN"']
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            sample = json.dumps(body["example"], ensure_ascii=False)
            lines += ["-H 'Content-Type: application/json'", f"-d '{sample}'"]
        elif "application/json" not in operation["responses"]["200"]["content"]:
            lines.append("-OJ")
        return " \\\n  ".join(lines)


def _verb(verb: str) -> str:
    return f'<span class="verb {verb}">{verb.upper()}</span>'


def _aside(text: str) -> str:
    return f'<br><span class="soft">{escape(text)}</span>' if text else ""


def _spaced(name: str) -> str:
    """`LineageService` reads as `Lineage`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Service"))


def _prose(text: str, kind: str = "") -> str:
    """Paragraphs, lines that begin with a dash, and `code`: what comments in protos use of Markdown."""
    opening = f'<p class="{kind}">' if kind else "<p>"
    paragraphs = re.split(r"\n\n|\n(?=- )", text.strip()) if text.strip() else []
    return "".join(f"{opening}{_CODE.sub(_MARKED, escape(each))}</p>" for each in paragraphs)
