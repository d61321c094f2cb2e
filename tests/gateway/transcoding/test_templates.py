"""Paths reach the one template that means them, and two templates never fight over a path."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transcoding.templates import PathError, Routes, TemplateError, parse


def routes(*templates: str, method: str = "GET") -> Routes[str]:
    made: Routes[str] = Routes()
    for each in templates:
        made.add(method, parse(each), each)
    return made


@pytest.mark.parametrize(
    ("text", "segments", "verb", "variables"),
    [
        ("/shelves", ("shelves",), "", []),
        ("/shelves/*", ("shelves", "*"), "", []),
        ("/**", ("**",), "", []),
        ("/shelves/{shelf}", ("shelves", "*"), "", [("shelf", 1, 2, False)]),
        ("/{name=shelves/*}", ("shelves", "*"), "", [("name", 0, 2, True)]),
        ("/{a.b.c=x/*/y}", ("x", "*", "y"), "", [("a.b.c", 0, 3, True)]),
        ("/{name=files/**}", ("files", "**"), "", [("name", 0, None, True)]),
        ("/leads:import", ("leads",), "import", []),
        ("/leads/{id}:undelete", ("leads", "*"), "undelete", [("id", 1, 2, False)]),
        ("/a%20b", ("a b",), "", []),
    ],
)
def test_a_template_is_read_as_the_grammar_says(
    text: str, segments: tuple[str, ...], verb: str, variables: list[tuple[str, int, int | None, bool]]
) -> None:
    template = parse(text)
    assert (template.segments, template.verb) == (segments, verb)
    assert [tuple(each) for each in template.variables] == variables


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/",
        "//",
        "/a/",
        "/{",
        "/{}",
        "/{a",
        "/{a=}",
        "/{a={b}}",
        "/**/a",
        "/{a=**}/b",
        "/a:",
        "/a:b:c",
        "/{a}{b}",
        "/{1a}",
        "/{a}/{a}",
        "/a*",
        "/***",
        "/a b",
        "/a?b",
        "/{a.}",
        "/%zz",
        "/a/*/",
        "/é",
    ],
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        parse(text)


@pytest.mark.parametrize(
    ("path", "template", "variables"),
    [
        ("/api/lineage/search", "/api/lineage/search", {}),
        ("/api/lineage/42", "/api/lineage/{report_id}", {"report_id": "42"}),
        ("/api/lineage/42/logs", "/api/lineage/{id}/logs", {"id": "42"}),
        ("/api/lineage:diff", "/api/lineage:diff", {}),
        ("/api/lineage/42:redo", "/api/lineage/{id}:redo", {"id": "42"}),
        ("/api/lineage/42:other", "/api/lineage/{report_id}", {"report_id": "42:other"}),
        ("/api/lineage/search/logs", "/api/lineage/{id}/logs", {"id": "search"}),
        ("/api/lineage/a%2Fb", "/api/lineage/{report_id}", {"report_id": "a/b"}),
        ("/api/lineage/s%65arch", "/api/lineage/search", {}),
        ("/files/a/b/c", "/{path=files/**}", {"path": "files/a/b/c"}),
        ("/files/a%2Fb/%20", "/{path=files/**}", {"path": "files/a%2Fb/ "}),
        ("/files", "/{path=files/**}", {"path": "files"}),
        ("/api/lineage/", None, {}),
        ("/api/lineage/42/other", None, {}),
        ("/api", None, {}),
        ("/", None, {}),
    ],
)
def test_a_path_finds_its_template(path: str, template: str | None, variables: dict[str, str]) -> None:
    made = routes(
        "/api/lineage/{report_id}",
        "/api/lineage/search",
        "/api/lineage/{id}/logs",
        "/api/lineage/{id}:redo",
        "/api/lineage:diff",
        "/{path=files/**}",
    )
    found = made.match("GET", path)
    assert (found and found.value) == template
    if found:
        assert found.variables == variables


def test_a_literal_of_another_method_leaves_the_path_to_the_variable() -> None:
    made = routes("/leads/{id}")
    made.add("POST", parse("/leads/quick-add"), "quick-add")
    found = made.match("GET", "/leads/quick-add")
    assert found is not None
    assert found.value == "/leads/{id}"
    assert made.methods("/leads/quick-add") == {"GET", "POST"}


def test_a_verb_of_another_method_keeps_the_path_to_itself() -> None:
    made = routes("/leads/{id}", "/{path=files/**}")
    made.add("POST", parse("/leads/{id}:undelete"), "undelete")
    assert made.match("GET", "/leads/42:undelete") is None
    assert made.methods("/leads/42:undelete") == {"POST"}
    found = made.match("GET", "/leads/42:other")
    assert found is not None
    assert found.variables == {"id": "42:other"}


@pytest.mark.parametrize(
    ("one", "other"),
    [("/a/{b}", "/a/{c}"), ("/a/*", "/{b=a/*}"), ("/a/**", "/{b=a/**}"), ("/a:v", "/a:v"), ("/%61", "/a")],
)
def test_two_templates_for_the_same_paths_are_a_start_up_error(one: str, other: str) -> None:
    with pytest.raises(TemplateError, match="same paths"):
        routes(one, other)


@pytest.mark.parametrize("path", ["/leads/%", "/leads/%f", "/leads/%zz", "/leads/%ff", "/leads/%c0%80"])
def test_a_path_that_is_not_utf_8_in_percent_encoding_is_an_error(path: str) -> None:
    with pytest.raises(PathError):
        routes("/leads/{id}").match("GET", path)


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_any_text_survives_as_one_segment(text: str) -> None:
    found = routes("/x/{id}/y").match("GET", f"/x/{quote(text, safe='')}/y")
    assert found is not None
    assert found.variables == {"id": text}


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1), min_size=1))
def test_many_segments_survive_with_their_slashes(parts: list[str]) -> None:
    path = "/".join(quote(part, safe="") for part in parts)
    found = routes("/x/{rest=**}").match("GET", f"/x/{path}")
    assert found is not None
    assert found.variables == {"rest": "/".join(parts)}


WORDS = st.from_regex(r"[a-z]{1,3}", fullmatch=True)
SEGMENTS = st.lists(
    st.one_of(WORDS, st.just("*"), st.from_regex(r"\{[a-z]{9}\}", fullmatch=True)), min_size=1, max_size=4
)


@given(st.lists(SEGMENTS, min_size=1, max_size=6), st.lists(WORDS, min_size=1, max_size=4))
def test_the_trie_agrees_with_trying_every_template(templates: list[list[str]], words: list[str]) -> None:
    made: Routes[tuple[str, ...]] = Routes()
    shapes: set[tuple[str, ...]] = set()
    for segments in templates:
        shape = tuple("*" if each[0] in "*{" else each for each in segments)
        try:
            made.add("GET", parse("/" + "/".join(segments)), shape)
        except TemplateError:
            continue
        shapes.add(shape)
    fitting = [
        shape
        for shape in shapes
        if len(shape) == len(words)
        and all(each in ("*", word) for each, word in zip(shape, words, strict=True))
    ]
    found = made.match("GET", "/" + "/".join(words))
    # The one with the most literal beginning, segment by segment.
    best = min(fitting, key=lambda shape: [each == "*" for each in shape], default=None)
    assert (found and found.value) == best


@given(st.text(alphabet="/{}*=:.%ab", max_size=20))
def test_the_parser_reads_or_refuses_and_never_breaks(text: str) -> None:
    try:
        template = parse(text)
    except ValueError:
        return
    assert template.text == text
