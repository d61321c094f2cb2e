"""What look-ups suggest for the fields that belong to people. Nothing is taken over without somebody's word.

An empty field is no exception: what a stranger's page calls itself is often not what a lead is to be
called, and a name that nobody entered would be one that nobody answers for.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from urllib.parse import urlsplit
from uuid import UUID

from lead_service.facts import Fact, FactState
from lead_service.names import display_name, registrable_domain
from services.errors import FailedPrecondition, InvalidArgument
from services.hosts import host_name
from services.ids import uuid7

_ORGANISATION: Final = "homepage.organisation"
_OPEN_GRAPH: Final = "homepage.open_graph"
_TITLE: Final = "homepage.title"
_FINAL_URL: Final = "homepage.final_url"


class SuggestionState(StrEnum):
    """What somebody said to a suggestion."""

    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    DISMISSED = "DISMISSED"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another value for `field`, read from `fact` (provider and name) at `source`."""

    id: UUID
    field: str
    value: str
    source: str
    fact: str
    observed_at: datetime
    state: SuggestionState = SuggestionState.OPEN
    decided_by: str = ""
    decided_at: datetime | None = None

    def decided(self, state: SuggestionState, by: str, now: datetime) -> Self:
        """Return the suggestion accepted or dismissed; itself if it is so already.

        Raises FailedPrecondition if somebody decided otherwise.
        """
        if self.state is state:
            return self
        if self.state is not SuggestionState.OPEN:
            raise FailedPrecondition(
                f"This suggestion was {self.state.lower()} before.", reason="SUGGESTION_DECIDED"
            )
        return replace(self, state=state, decided_by=by, decided_at=now)


def drawn(facts: Iterable[Fact], name: str, domain: str) -> list[Suggestion]:
    """Return what the facts suggest for a lead with this name and domain, at most one for each field.

    A name comes from whom the page says it is by; its title will do for a lead without any. A domain comes
    from where the home page leads, if that is registered apart: `www.` before a name is no news.
    """
    found = {f"{fact.provider}.{fact.name}": fact for fact in facts if fact.state is FactState.FOUND}
    return [*_names(found, name), *_domains(found, domain)]


def merged(known: Iterable[Suggestion], found: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    """Return a lead's suggestions after another look-up: what it found, and what was decided before.

    What was dismissed stays dismissed. What was accepted and differs again is open again, and what is not
    found any more and nobody decided on is gone.
    """
    before = {(each.field, each.value): each for each in known}
    after = {key: each for key, each in before.items() if each.state is not SuggestionState.OPEN}
    for each in found:
        key = (each.field, each.value)
        if key not in after or after[key].state is SuggestionState.ACCEPTED:
            after[key] = replace(each, id=before[key].id) if key in before else each
    return tuple(after[key] for key in sorted(after))


def _names(found: Mapping[str, Fact], name: str) -> Iterator[Suggestion]:
    sources = [(_ORGANISATION, "name: "), (_ORGANISATION, "legalName: "), (_OPEN_GRAPH, "og:site_name: ")]
    if not name:
        sources.append((_TITLE, ""))
    for fact, prefix in sources:
        for text in found[fact].values if fact in found else ():
            try:
                value = display_name(text.removeprefix(prefix)) if text.startswith(prefix) else ""
            except InvalidArgument:
                continue
            if value:
                if value.casefold() != name.casefold():
                    yield _suggestion(found[fact], "name", value)
                return


def _domains(found: Mapping[str, Fact], domain: str) -> Iterator[Suggestion]:
    if _FINAL_URL not in found:
        return
    try:
        value = host_name(urlsplit(found[_FINAL_URL].values[0]).hostname or "")
    except (ValueError, InvalidArgument):
        return
    if registrable_domain(value) != registrable_domain(domain):
        yield _suggestion(found[_FINAL_URL], "domain", value)


def _suggestion(fact: Fact, field: str, value: str) -> Suggestion:
    return Suggestion(uuid7(), field, value, fact.source, f"{fact.provider}.{fact.name}", fact.observed_at)
