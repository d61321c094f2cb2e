"""Promise: a shipped bundle is complete in itself, and its digest fixes every byte of it."""

import ast
import inspect
import json
import re
import shutil
import string
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from report_service.assessment import RULES, assess, to_json
from report_service.rendering import bundles
from report_service.rendering.bundles import Bundle
from report_service.rendering.document import Line, make_pdf
from report_service.rendering.template import Template
from services.errors import NotFound
from tests.report_service.rendering_inputs import canonical, identity_of, sample

SHIPPED = list(bundles.shipped().values())
shipped = pytest.mark.parametrize("bundle", SHIPPED, ids=lambda bundle: bundle.template_version_id)


def test_a_bundle_is_found_by_version_or_the_newest() -> None:
    bundle = bundles.find("website_audit", "1.0.0")
    assert bundle.template_version_id == "website_audit@1.0.0"
    assert bundle is bundles.shipped()["website_audit@1.0.0"]
    assert bundles.find("website_audit").name == "website_audit"


def test_the_newest_version_is_the_highest_and_not_the_last_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {f"t@{each}": Bundle("t", each, "", Path()) for each in ("1.9.0", "1.10.0", "1.2.30")}
    monkeypatch.setattr(bundles, "shipped", lambda: versions)
    assert bundles.find("t").version == "1.10.0"


@pytest.mark.parametrize(
    ("name", "version"), [("website_audit", "9.9.9"), ("nothing", ""), ("../website_audit", "1.0.0")]
)
def test_an_unknown_template_or_version_is_not_found(name: str, version: str) -> None:
    with pytest.raises(NotFound):
        bundles.find(name, version)


PUBLISHED = {
    "website_audit@1.0.0": "ec95221503cab4369a5835e40f110ba5fe1fae2b90d6d826d0d240369e637265",
    "website_audit@2.0.0": "cb4c21b9cbf5a5a493543ed5c0e68a8798561390bb537bce04f1a0a4f994a274",
    "website_audit@2.0.1": "570debd1f78041e661fb97b34aed1c455f9952b885aadba2c990b575814fc27a",
}


def test_a_published_version_is_never_changed() -> None:
    assert {name: bundles.shipped()[name].digest for name in PUBLISHED} == PUBLISHED


@shipped
def test_the_digest_covers_every_file_by_name_and_content(bundle: Bundle, tmp_path: Path) -> None:
    copy = tmp_path / bundle.name / bundle.version
    shutil.copytree(bundle.path, copy)
    assert bundles.load(copy).digest == bundle.digest
    for path in [each for each in copy.rglob("*") if each.is_file()]:
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        assert bundles.load(copy).digest != bundle.digest
        path.write_bytes(content)
        renamed = path.rename(path.with_name("renamed"))
        assert bundles.load(copy).digest != bundle.digest
        renamed.rename(path)
    assert bundles.load(copy).digest == bundle.digest


def test_a_bundle_with_a_link_or_without_a_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t" / "1.0.0").mkdir(parents=True)
    (tmp_path / "t" / "1.0.0" / "link").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="symbolic link"):
        bundles.load(tmp_path / "t" / "1.0.0")
    with pytest.raises(ValueError, match="no version"):
        bundles.load(tmp_path / "t")


@shipped
def test_a_bundle_brings_its_fonts_with_their_licence_and_stays_small(bundle: Bundle) -> None:
    files = bundles.read(bundle.path)
    faces = re.findall(r"url\((fonts/[^)]+)\)", files["report.css"].decode())
    assert faces
    assert {name for name in files if name.endswith(".woff2")} == set(faces)
    assert b"SIL Open Font License" in files["fonts/OFL.txt"]
    assert sum(map(len, files.values())) < 2_000_000


@shipped
def test_the_sample_and_every_assessment_fit_the_schema(bundle: Bundle) -> None:
    files = bundles.read(bundle.path)
    schema = json.loads(files["schema.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    inputs = json.loads(files["sample.json"])
    jsonschema.validate(inputs, schema)
    for facts in (inputs["lead"]["facts"], []):
        inputs["assessment"] = to_json(assess(inputs["lead"] | {"facts": facts}))
        jsonschema.validate(inputs, schema)


@shipped
def test_the_sample_is_set_without_a_single_warning(bundle: Bundle) -> None:
    files = bundles.read(bundle.path)
    inputs = canonical(json.loads(files["sample.json"]))
    log: list[Line] = []
    make_pdf(Template(files), inputs, identity_of(bundle, inputs), log)
    assert [line for line in log if line["event"] != "render.step"] == []


def situations() -> dict[str, list[dict[str, Any]]]:
    """Facts of leads in every situation a report may have to speak of."""
    facts = sample()["lead"]["facts"]
    silent = [each | {"state": "REFUSED", "values": [], "reason": "not a public address"} for each in facts]
    return {
        "nothing asked": [],
        "nothing answered": silent,
        "one answer": [
            answer if answer["name"] == "a" else silence
            for answer, silence in zip(facts, silent, strict=True)
        ],
        "one silence": [*facts[1:], silent[0]],
        "garbled": [each | {"state": "ERROR", "values": [], "reason": "cut short"} for each in facts],
        "nothing there": [each | {"state": "NOT_FOUND", "values": [], "reason": "none"} for each in facts],
        "a great many": [each | {"values": ["value"] * 30} for each in facts] * 10,
    }


WORDS = {
    "en": (
        "60 of 100 values are shown",
        "facts are shown",
        "Nothing has been looked up for this domain",
        "No score",
    ),
    "de": ("60 von 100 Werten", "Fakten sind gezeigt", "Zu dieser Domain wurde noch nichts", "Kein Ergebnis"),
}


@pytest.mark.parametrize("locale", WORDS)
@pytest.mark.parametrize("situation", situations())
def test_the_page_has_words_for_every_situation(situation: str, locale: str) -> None:
    values, facts, unasked, unscored = WORDS[locale]
    bundle = bundles.find("website_audit")
    inputs = sample(assessment_data={str(number): [] for number in range(100)}, locale=locale)
    inputs["lead"]["facts"] = situations()[situation]
    inputs["assessment"] = to_json(assess(inputs["lead"]))
    html = Template(bundles.read(bundle.path)).html(inputs, identity_of(bundle, canonical(inputs)))
    assert values in html
    assert (facts in html) == (situation == "a great many")
    assert (unasked in html) == (situation == "nothing asked")
    assert (unscored in html) == (situation in ("nothing asked", "nothing answered", "garbled"))


def sentences() -> dict[str, dict[str, str]]:
    """Every verdict that a rule's judge can come to, with its sentence, by the rule's id."""
    found: dict[str, dict[str, str]] = {}
    for rule in RULES:
        calls = ast.walk(ast.parse(inspect.getsource(rule.judge)))
        verdicts = [
            [each.value for each in call.args[1:3] if isinstance(each, ast.Constant)]
            for call in calls
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Verdict"
        ]
        found[rule.id] = dict(verdicts)
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_german_says_everything_that_english_says_and_every_finding() -> None:
    files = bundles.read(bundles.find("website_audit").path)
    english, german = (json.loads(files[f"strings/{locale}.json"]) for locale in ("en", "de"))
    checks = {"check.unknown": "Could not be checked: {reason}."}
    for rule in RULES:
        said = {"title": rule.title, "why": rule.why, "remedy": rule.remedy} | sentences()[rule.id]
        checks |= {f"check.{rule.id}.{part}": text for part, text in said.items()}
    assert len(checks) > 130
    expected = english | checks
    assert set(german) == set(expected)
    for key, text in expected.items():
        if isinstance(text, str):
            assert placeholders(german[key]) == placeholders(text), key


def test_every_fact_that_a_page_shows_has_a_name_in_each_language() -> None:
    files = bundles.read(bundles.find("website_audit").path)
    asked = re.findall(r'"((?:dns|mail|tls|site|homepage)\.[a-z_.-]+)"', files["report.html.j2"].decode())
    known = {f"{fact['provider']}.{fact['name']}" for fact in sample()["lead"]["facts"]}
    for locale in ("en", "de"):
        strings = json.loads(files[f"strings/{locale}.json"])
        assert {name for name in asked if f"fact.{name}" in strings} == set(asked)
    assert len(asked) > 40
    assert set(asked) <= known


@pytest.mark.parametrize(
    ("locale", "lang"),
    [("en", "en"), ("en-GB", "en"), ("de", "de"), ("de-CH", "de"), ("sv", "en"), ("../strings/en", "en")],
)
def test_a_locale_without_strings_falls_back(locale: str, lang: str) -> None:
    template = Template(bundles.read(bundles.find("website_audit").path))
    assert template.strings(locale).locale == lang
    inputs = sample(locale=locale)
    html = template.html(inputs, identity_of(bundles.find("website_audit"), canonical(inputs)))
    assert f'<html lang="{lang}">' in html
