"""Promise: a look-up suggests values for what belongs to people, writes none, and knows what they said."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lead_service.facts import FactState, Observation
from lead_service.suggestions import Suggestion, SuggestionState, drawn, merged
from services.errors import FailedPrecondition

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SEEN = Observation("homepage", "https://example.com/", "HTTP GET", NOW, b"page")
ORGANISATION = SEEN.found("organisation", ["type: Bakery", "name: Bäckerei Ada", "name: Other"])
OPEN_GRAPH = SEEN.found("open_graph", ["og:title: Bread", "og:site_name: Ada's Bread"])
TITLE = SEEN.found("title", ["Home | Ada"])


def values(facts: list[object], name: str = "", domain: str = "example.com") -> list[tuple[str, str, str]]:
    return [(each.field, each.value, each.fact) for each in drawn(facts, name, domain)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "name", "expected"),
    [
        ([ORGANISATION, OPEN_GRAPH, TITLE], "", ("name", "Bäckerei Ada", "homepage.organisation")),
        ([ORGANISATION], "Ada", ("name", "Bäckerei Ada", "homepage.organisation")),
        ([OPEN_GRAPH, TITLE], "Ada", ("name", "Ada's Bread", "homepage.open_graph")),
        ([TITLE], "", ("name", "Home | Ada", "homepage.title")),
        # A title is no better name than the one that somebody gave.
        ([TITLE], "Ada", None),
        # What the best source says is what there is to say.
        ([ORGANISATION, OPEN_GRAPH], "bäckerei ADA", None),
        ([SEEN.found("organisation", ["name: " + "x" * 300]), OPEN_GRAPH], "", OPEN_GRAPH),
        ([SEEN.found("organisation", ["email: a@b.example"])], "", None),
        ([SEEN.without("title", FactState.NOT_FOUND, "none")], "", None),
        ([], "", None),
    ],
)
def test_a_name_comes_from_whom_the_page_is_by(facts: list[object], name: str, expected: object) -> None:
    if expected is OPEN_GRAPH:
        expected = ("name", "Ada's Bread", "homepage.open_graph")
    assert values(facts, name) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("final", "suggested"),
    [
        ("https://new.example.org/start?x=1", "new.example.org"),
        ("https://BÜCHER.example/", "xn--bcher-kva.example"),
        ("https://www.example.com/", None),
        ("https://example.com/", None),
        ("https://10.0.0.1/", None),
        ("https://[::1", None),
        ("nonsense", None),
    ],
)
def test_a_domain_is_suggested_if_the_home_page_leads_to_another_registrable_one(
    final: str, suggested: str | None
) -> None:
    found = values([SEEN.found("final_url", [final])])
    assert found == ([("domain", suggested, "homepage.final_url")] if suggested else [])


def suggestion(value: str, state: SuggestionState = SuggestionState.OPEN) -> Suggestion:
    (made,) = drawn([SEEN.found("title", [value])], "", "example.com")
    return made if state is SuggestionState.OPEN else made.decided(state, "ada", NOW)


def test_what_was_dismissed_stays_so_however_often_it_is_found() -> None:
    dismissed = suggestion("Ada", SuggestionState.DISMISSED)
    assert merged([dismissed], [suggestion("Ada")]) == (dismissed,)
    other = suggestion("Bob")
    assert merged([dismissed], [other]) == (dismissed, other)
    assert merged([dismissed], []) == (dismissed,)


def test_what_is_found_again_keeps_its_id_and_what_is_not_is_gone() -> None:
    known, again = suggestion("Ada"), replace(suggestion("Ada"), observed_at=datetime.now(UTC))
    assert merged([known, suggestion("Old")], [again]) == (replace(again, id=known.id),)


def test_what_was_accepted_and_differs_again_is_open_again() -> None:
    accepted = suggestion("Ada", SuggestionState.ACCEPTED)
    assert merged([accepted], []) == (accepted,)
    (again,) = merged([accepted], [suggestion("Ada")])
    assert (again.id, again.state, again.decided_by) == (accepted.id, SuggestionState.OPEN, "")


def test_a_decision_is_made_once() -> None:
    accepted = suggestion("Ada").decided(SuggestionState.ACCEPTED, "ada", NOW)
    assert (accepted.decided_by, accepted.decided_at) == ("ada", NOW)
    assert accepted.decided(SuggestionState.ACCEPTED, "bob", NOW) is accepted
    with pytest.raises(FailedPrecondition) as refused:
        accepted.decided(SuggestionState.DISMISSED, "bob", NOW)
    assert refused.value.reason == "SUGGESTION_DECIDED"
