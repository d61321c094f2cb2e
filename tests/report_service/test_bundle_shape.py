"""Promise: a bundle whose files cannot be right is refused before anything in it runs, file by file."""

import json
from typing import Any

import pytest

from report_service.rendering import bundles, shape
from tests.report_service.template_files import small


@pytest.mark.parametrize("bundle", bundles.shipped().values(), ids=lambda each: each.template_version_id)
def test_shipped_bundles_have_no_flaw(bundle: bundles.Bundle) -> None:
    assert shape.flaws(bundles.read(bundle.path)) == []


def test_a_small_bundle_has_no_flaw() -> None:
    assert shape.flaws(small()) == []


GREETING = {"title": "x", "greeting": "x"}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"report__html__j2": None}, "report.html.j2", "FILE_MISSING"),
        ({"schema__json": None}, "schema.json", "FILE_MISSING"),
        ({"sample__json": None}, "sample.json", "FILE_MISSING"),
        ({"strings_in_en__json": None}, "strings/en.json", "FILE_MISSING"),
        ({"report__css": b"\xff"}, "report.css", "TEXT_INVALID"),
        ({"report__html__j2": b"\xff"}, "report.html.j2", "TEXT_INVALID"),
        ({"schema__json": "{"}, "schema.json", "JSON_INVALID"),
        ({"schema__json": "[]"}, "schema.json", "JSON_INVALID"),
        ({"sample__json": "NaN"}, "sample.json", "JSON_INVALID"),
        ({"sample__json": '{"big": 9007199254740993}'}, "sample.json", "JSON_INVALID"),
        ({"sample__json": "[" * 900 + "]" * 900}, "sample.json", "JSON_INVALID"),
        ({"sample__json": "[" * 100_000}, "sample.json", "JSON_INVALID"),
        ({"strings_in_de__json": "[]"}, "strings/de.json", "JSON_INVALID"),
        ({"strings_in_German__json": GREETING}, "strings/German.json", "NAME_REFUSED"),
        ({"strings_in_de__json": {"title": "x"}}, "strings/de.json: greeting", "STRING_MISSING"),
        ({"strings_in_de__json": GREETING | {"title": 7}}, "strings/de.json: title", "STRING_INVALID"),
        (
            {"strings_in_de__json": GREETING | {"greeting": "{name} {title}"}},
            "strings/de.json: greeting",
            "PLACEHOLDER_INVALID",
        ),
        *(
            (
                {"strings_in_en__json": GREETING | {"more": text}},
                "strings/en.json: more",
                "PLACEHOLDER_INVALID",
            )
            for text in (
                "{name.__class__}",
                "{name[0]}",
                "{0}",
                "{}",
                "{name!r}",
                "{name:>999999999}",
                "{",
                "}",
            )
        ),
    ],
)
def test_each_flaw_is_told_with_its_file(changes: dict[str, Any], field: str, reason: str) -> None:
    assert (field, reason) in [(each.field, each.reason) for each in shape.flaws(small(**changes))]


def test_a_file_deep_inside_bounds_is_fine() -> None:
    deep: Any = 1
    for _ in range(shape.DEPTH - 2):
        deep = [deep]
    assert shape.flaws(small(sample__json=json.dumps({"deep": deep}))) == []
