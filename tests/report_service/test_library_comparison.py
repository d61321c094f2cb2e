"""Promise: what differs between two versions is told: each file, each value of the schema, each string."""

from hypothesis import given
from hypothesis import strategies as some

from report_service.library.comparison import SHOWN_BYTES, Change, compare
from report_service.rendering import bundles
from tests.report_service.template_files import PAGE, SCHEMA, small

STRINGS = {"title": "Greeting", "greeting": "Good morning, {name}"}


def test_a_bundle_does_not_differ_from_itself() -> None:
    found = compare(small(), small())
    assert (found.identical, found.files, found.schema, found.strings) == (True, (), (), ())


def test_files_are_told_with_both_digests_and_their_lines() -> None:
    after = small(report__html__j2=PAGE.replace("<h1>", "<h2>"), report__css=None, new__css="p {}")
    found = compare(small(), after)
    assert not found.identical
    assert [(each.name, each.change) for each in found.files] == [
        ("new.css", Change.ADDED),
        ("report.css", Change.REMOVED),
        ("report.html.j2", Change.CHANGED),
    ]
    added, removed, changed = found.files
    assert added.a is None
    assert removed.b is None
    assert changed.a
    assert changed.b
    assert changed.a.sha256 != changed.b.sha256
    assert "-<body><h1>" in changed.text_diff
    assert "+<body><h2>" in changed.text_diff


def test_the_schema_is_compared_by_pointer() -> None:
    changed = {**SCHEMA, "title": "T", "properties": {"lead": {"type": "object"}, "a/b~c": {}}}
    found = compare(small(), small(schema__json=changed))
    assert [(each.place, each.change, each.a, each.b) for each in found.schema] == [
        ("/properties/a~1b~0c", Change.ADDED, "", "{}"),
        ("/properties/lead/required/0", Change.REMOVED, '"name"', ""),
        ("/title", Change.ADDED, "", '"T"'),
    ]


def test_strings_are_compared_by_locale_and_key() -> None:
    after = small(
        strings_in_en__json={"title": "Hello", "greeting": STRINGS["greeting"], "more": ["a", "b"]},
        strings_in_de__json=None,
        strings_in_fr__json=STRINGS,
    )
    found = compare(small(), after)
    assert [(each.locale, each.place, each.change, each.a, each.b) for each in found.strings] == [
        ("de", "greeting", Change.REMOVED, "Guten Morgen, {name}", ""),
        ("de", "title", Change.REMOVED, "Gruß", ""),
        ("en", "more", Change.ADDED, "", '["a", "b"]'),
        ("en", "title", Change.CHANGED, "Greeting", "Hello"),
        ("fr", "greeting", Change.ADDED, "", "Good morning, {name}"),
        ("fr", "title", Change.ADDED, "", "Greeting"),
    ]


def test_a_long_difference_is_cut_and_a_font_has_none() -> None:
    long = "".join(f"{number}\n" * 1 for number in range(2900))
    found = compare(small(), small(report__css="x" * 100 + long * 4, fonts_in_Plain__woff2=b"other"))
    assert all(len(each.text_diff.encode()) < SHOWN_BYTES + 10 for each in found.files)
    assert next(each for each in found.files if each.name.endswith("woff2")).text_diff == ""


def test_the_shipped_versions_can_be_compared() -> None:
    old, new = (bundles.read(bundles.find("website_audit", each).path) for each in ("1.0.0", "2.0.0"))
    found = compare(old, new)
    assert {each.locale for each in found.strings} == {"en", "de"}
    assert {"report.html.j2", "report.css", "strings/de.json"} <= {each.name for each in found.files}


TEXTS = some.dictionaries(some.sampled_from("abc"), some.text(max_size=3), max_size=3)


@given(TEXTS, TEXTS)
def test_a_comparison_backwards_tells_the_same_backwards(a: dict[str, str], b: dict[str, str]) -> None:
    there, back = (
        compare(small(strings_in_en__json=one), small(strings_in_en__json=other))
        for one, other in ((a, b), (b, a))
    )
    assert [(each.place, each.a, each.b) for each in there.strings] == [
        (each.place, each.b, each.a) for each in back.strings
    ]
    assert there.identical == (list(a.items()) == list(b.items()))
