r"""Promise: no character vanishes into an empty box; one that no font has is printed as its number."""

import string

import pytest

from report_service.rendering import bundles, glyphs
from report_service.rendering.document import Line, make_pdf
from report_service.rendering.glyphs import Glyphs
from report_service.rendering.template import Template
from tests.report_service.rendering_inputs import canonical, identity_of, sample, the_bundle
from tests.report_service.test_rendering_document import text_of


@pytest.fixture
def own() -> Glyphs:
    """The letters of the bundle's fonts alone, as on a machine without fonts."""
    files = bundles.read(the_bundle().path)
    return Glyphs((files[name] for name in files if name.endswith(".woff2")), machine=False)


def test_what_the_fonts_have_is_left_as_it_is(own: Glyphs) -> None:
    text = string.printable + "äöüß ÅŁŠ €–—…“”’ Größe"
    assert own.settable(text) == text
    assert own.replaced == 0


def test_what_no_font_has_is_written_as_its_number_and_counted(own: Glyphs) -> None:
    assert own.settable("Bäckerei 北风 🥐") == r"Bäckerei \u5317\u98CE \u1F950"
    assert own.replaced == 3
    assert own.settable("北") == r"\u5317"
    assert own.replaced == 3


def test_joiners_and_selectors_need_no_glyph(own: Glyphs) -> None:
    assert own.settable("a\u200db\ufe0fc\u00ad\ufeffd\U000e0101") == "a\u200db\ufe0fc\u00ad\ufeffd\U000e0101"


def test_the_fonts_of_the_machine_count_too() -> None:
    assert Glyphs([]).has("A")
    assert not Glyphs([], machine=False).has("A")
    assert not Glyphs([]).has("\U0010fffd")


def test_a_page_with_chinese_and_emoji_has_no_empty_box_and_says_what_stands_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(glyphs, "_machine_has", lambda code: False)
    inputs = sample()
    inputs["lead"]["name"] = "北风 Bakery 🥐"
    body, log = canonical(inputs), list[Line]()
    pdf, _ = make_pdf(Template(bundles.read(the_bundle().path)), body, identity_of(the_bundle(), body), log)
    text = text_of(pdf)
    assert r"\u5317\u98CE Bakery \u1F950" in text
    assert "Characters for which no font was at hand" in text
    assert [line for line in log if line["event"] != "render.step"] == []


def test_a_page_whose_letters_are_all_there_says_nothing_of_them() -> None:
    body = canonical(sample())
    template = Template(bundles.read(the_bundle().path))
    # Twice: what one report had to do without is not told in the next.
    template.html(sample(assessment_data={"name": "\U0010fffd\U000abcde"}), identity_of(the_bundle(), body))
    page = template.html(sample(), identity_of(the_bundle(), body))
    assert "no font was at hand" not in page
