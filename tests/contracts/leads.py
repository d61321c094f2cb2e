"""Leads to keep in a store, and how they are kept and read."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lead_service.domain import (
    NEWEST_FIRST,
    Draft,
    Lead,
    LeadFilter,
    LeadStores,
    Order,
    Position,
)
from lead_service.facts import FactState, Observation
from services.identity import Actor
from services.ids import uuid7

ADA = Actor("ada", frozenset({"operator"}))
NOW = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC)
SEEN = Observation("dns", "A example.com", "DNS", NOW, b"answer")
FACTS = [
    SEEN.found("mx", ["10 b.example", "5 a.example"]),
    SEEN.without("a", FactState.NOT_FOUND, "the name has no A record"),
    Observation("Dns", "x", "DNS", NOW).found("a", ["ü'\"\\{},"]),
]


def new_lead(minutes: int = 0, email: str = "", **draft: Any) -> Lead:
    # No two living leads share an address.
    email = email or f"ada-{uuid7().hex}@example.com"
    return Draft(email, **draft).lead("ada", NOW + timedelta(minutes=minutes))


async def keep(stores: LeadStores, *leads: Lead) -> None:
    async with stores.write() as store:
        for lead in leads:
            await store.add(lead)


async def read(stores: LeadStores, lead: Lead) -> Lead:
    async with stores.read() as store:
        return await store.get(lead.id)


async def pages(stores: LeadStores, wanted: LeadFilter, size: int, order: Order = NEWEST_FIRST) -> list[Lead]:
    found: list[Lead] = []
    after: Position | None = None
    while True:
        async with stores.read() as store:
            page = await store.page(wanted, size, after, order)
        assert len(page.leads) <= size
        found += page.leads
        if page.next is None:
            return found
        assert len(page.leads) == size
        after = page.next
