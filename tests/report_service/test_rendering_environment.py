"""Promise: whatever could change a PDF's bytes is named, and what is missing comes with its remedy."""

import re
from pathlib import Path

import pytest

from report_service.rendering import environment


def test_everything_that_shapes_pages_is_named() -> None:
    described = environment.describe()
    names = {
        "weasyprint",
        "pydyf",
        "pango",
        "harfbuzz",
        "harfbuzz-subset",
        "zlib",
        "fontconfig",
        "python",
        "fonts",
    }
    assert names <= described.keys()
    assert re.fullmatch(r"\d+\.\d+\.\d+", described["pango"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", described["fontconfig"])
    assert environment.ABSENT not in described.values()


def test_the_digest_is_that_of_the_description_and_is_stable() -> None:
    assert re.fullmatch("[0-9a-f]{64}", environment.digest())
    environment.digest.cache_clear()
    first = environment.digest()
    environment._described.cache_clear()
    environment.digest.cache_clear()
    assert environment.digest() == first


def test_a_font_more_is_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = environment._fonts_digest()
    (tmp_path / "extra.ttf").write_bytes(b"a font")
    fonts = environment.font_files()
    monkeypatch.setattr(environment, "font_files", lambda: [*fonts, tmp_path / "extra.ttf"])
    assert environment._fonts_digest() != before


def test_nothing_is_missing_where_these_tests_run() -> None:
    assert environment.missing() == []


def test_what_is_missing_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "font_files", list)
    monkeypatch.setattr(environment, "_load", lambda library: None)
    sentences = environment.missing()
    assert any("apt-get install --yes libharfbuzz-subset0" in each for each in sentences)
    assert any("apt-get install --yes fonts-dejavu-core" in each for each in sentences)
    assert len(sentences) == len(environment._LIBRARIES) + 1


def test_every_module_of_a_render_is_known_to_have_a_say_or_not() -> None:
    folder = environment.FONTS.parent
    watching = {
        "__init__.py",
        "archive.py",
        "bundles.py",
        "child.py",
        "confinement.py",
        "environment.py",
        "frames.py",
        "inspection.py",
        "picture.py",
        "pool.py",
        "process.py",
        "shape.py",
        "standby.py",
    }
    assert {path.name for path in folder.glob("*.py")} == watching | set(environment._RENDERER)
