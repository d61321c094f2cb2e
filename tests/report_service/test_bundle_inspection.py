"""Promise: only a bundle that makes a whole page in each of its languages is published."""

from typing import Any

import pytest

from report_service.rendering import bundles
from report_service.rendering.inspection import MOST, inspect
from tests.report_service.template_files import PAGE, SAMPLE, SCHEMA, STYLE, small


@pytest.mark.parametrize("bundle", bundles.shipped().values(), ids=lambda each: each.template_version_id)
def test_shipped_bundles_pass(bundle: bundles.Bundle) -> None:
    assert inspect(bundles.read(bundle.path)) == []


def test_a_small_bundle_passes() -> None:
    assert inspect(small()) == []


FONT = "fonts_in_Plain__woff2"
BODY = PAGE.replace("</body>", "{}</body>")
STRINGS = {"title": "x", "greeting": "x"}


def page(body: str) -> dict[str, str]:
    return {"report__html__j2": PAGE.replace("</body>", body + "</body>")}


@pytest.mark.parametrize(
    ("changes", "field", "reason", "words"),
    [
        ({"sample__json": None}, "sample.json", "FILE_MISSING", "missing"),
        ({"schema__json": {"type": "oject"}}, "schema.json", "SCHEMA_INVALID", "oject"),
        ({"schema__json": {"$ref": "http://127.0.0.1/a"}}, "schema.json", "SCHEMA_INVALID", "127.0.0.1"),
        ({"schema__json": {"$ref": "file:///etc/passwd"}}, "schema.json", "SCHEMA_INVALID", "passwd"),
        ({"schema__json": {"$ref": "#"}}, "schema.json", "SCHEMA_INVALID", "recursion"),
        (
            {"schema__json": {"properties": {"locale": {"pattern": "("}}}},
            "schema.json",
            "SCHEMA_INVALID",
            "",
        ),
        ({"sample__json": {**SAMPLE, "lead": {}}}, "sample.json", "SAMPLE_INVALID", "$.lead: 'name'"),
        ({"schema__json": SCHEMA | {"required": ["nobody"]}}, "sample.json", "SAMPLE_INVALID", "nobody"),
        ({FONT: b"wOF2 nothing"}, "fonts/Plain.woff2", "FONT_INVALID", "no usable font"),
        (page("{% if %}"), "report.html.j2", "TEMPLATE_INVALID", "line 4"),
        (
            page('{% include "more.j2" %}') | {"more__j2": "{% end %}"},
            "more.j2",
            "TEMPLATE_INVALID",
            "line 1",
        ),
        (page('{% include "none.j2" %}'), "report.html.j2", "TEMPLATE_FAILED", "none.j2"),
        (page("{{ lead.nickname }}"), "report.html.j2", "TEMPLATE_FAILED", "nickname"),
        (page("{{ t('nothing') }}"), "report.html.j2", "TEMPLATE_FAILED", "nothing"),
        (page("{{ lead.__class__.__mro__ }}"), "report.html.j2", "TEMPLATE_FAILED", "__class__"),
        (page("{{ t.__init__.__globals__ }}"), "report.html.j2", "TEMPLATE_FAILED", "__init__"),
        (page("{{ lead.update({}) }}"), "report.html.j2", "TEMPLATE_FAILED", "update"),
        (page("{{ 1 / 0 }}"), "report.html.j2", "TEMPLATE_FAILED", "division"),
        (
            page("{{ '{0.__class__.__mro__}'.format(lead) }}"),
            "report.html.j2",
            "TEMPLATE_FAILED",
            "__class__",
        ),
        (page('<img src="file:///etc/passwd">'), "report.html.j2", "TEMPLATE_WARNING", "file:///etc/passwd"),
        (page('<img src="http://127.0.0.1/x.png">'), "report.html.j2", "TEMPLATE_WARNING", "127.0.0.1"),
        (page('<img src="../../x.png">'), "report.html.j2", "TEMPLATE_WARNING", "x.png"),
        (
            {"report__css": STYLE + "@import url(https://example.com/a.css);"},
            "report.html.j2",
            "TEMPLATE_WARNING",
            "",
        ),
        ({"report__css": STYLE + "p { colour: red }"}, "report.html.j2", "TEMPLATE_WARNING", "colour"),
        (
            {"strings_in_de__json": STRINGS | {"title": "北风 🥐"}},
            "strings/de.json",
            "GLYPH_MISSING",
            "U+5317 cjk unified ideograph-5317",
        ),
    ],
)
def test_each_flaw_is_told_with_its_file(
    changes: dict[str, Any], field: str, reason: str, words: str
) -> None:
    found = inspect(small(**changes))
    assert found
    assert (found[0].field, found[0].reason) == (field, reason)
    assert words in found[0].description


def test_flaws_are_limited_and_printable() -> None:
    strings = STRINGS | {f"key{number}": "\u202e{bad.name}" for number in range(100)}
    found = inspect(small(strings_in_en__json=strings))
    assert len(found) == MOST
    assert all(len(each.description) < 600 and "\u202e" not in each.description for each in found)
