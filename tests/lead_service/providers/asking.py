"""How these tests ask a provider."""

from datetime import UTC, datetime

from lead_service.facts import Fact, FactState, Provider, Subject

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def subject(domain: str) -> Subject:
    return Subject(domain, f"ada@{domain}")


async def facts_of(provider: Provider, domain: str) -> dict[str, Fact]:
    """A provider's facts by name, which are as many and the same as when it comes to no end."""
    facts = await provider.look_up(subject(domain))
    assert {fact.provider for fact in facts} == {provider.name}
    assert {fact.observed_at for fact in facts} == {NOW}
    blank = provider.unanswered(subject(domain), FactState.ERROR, "no reason")
    assert sorted(fact.name for fact in blank) == sorted(fact.name for fact in facts)
    return {fact.name: fact for fact in facts}


def states(facts: dict[str, Fact]) -> set[FactState]:
    return {fact.state for fact in facts.values()}
