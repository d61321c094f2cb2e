"""Promise: a shipped bundle is complete in itself, and its digest fixes every byte of it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from report_service.assessment import assess, to_json
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


@pytest.mark.parametrize("situation", situations())
def test_the_page_has_words_for_every_situation(situation: str) -> None:
    bundle = bundles.find("website_audit")
    inputs = sample(assessment_data={str(number): [] for number in range(100)})
    inputs["lead"]["facts"] = situations()[situation]
    inputs["assessment"] = to_json(assess(inputs["lead"]))
    html = Template(bundles.read(bundle.path)).html(inputs, identity_of(bundle, canonical(inputs)))
    assert "60 of 100 values are shown" in html
    assert (f"120 of {10 * len(sample()['lead']['facts'])} facts are shown" in html) == (
        situation == "a great many"
    )
    assert ("Nothing has been looked up for this domain" in html) == (situation == "nothing asked")
    assert ("No score" in html) == (situation in ("nothing asked", "nothing answered", "garbled"))


@pytest.mark.parametrize(
    ("locale", "lang"), [("en", "en"), ("en-GB", "en"), ("sv", "en"), ("../strings/en", "en")]
)
def test_a_locale_without_strings_falls_back(locale: str, lang: str) -> None:
    template = Template(bundles.read(bundles.find("website_audit").path))
    assert template.strings(locale).locale == lang
    inputs = sample(locale=locale)
    html = template.html(inputs, identity_of(bundles.find("website_audit"), canonical(inputs)))
    assert f'<html lang="{lang}">' in html
