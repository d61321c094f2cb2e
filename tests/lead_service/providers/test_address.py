"""Promise: an e-mail address is read, not tried: nothing is sent, and no mail server is asked."""

import pytest

from lead_service.facts import FactState, Subject
from lead_service.providers.address import AddressProvider
from services.egress.resolver import Resolver
from tests.fixtures.door import Spy
from tests.lead_service.providers.asking import clock, facts_of
from tests.site import Site

FOUND, NOT_FOUND, UNREACHABLE, REFUSED, ERROR = FactState


@pytest.fixture
def address(resolver: Resolver) -> AddressProvider:
    return AddressProvider(resolver, clock, 5)


async def read(address: AddressProvider, email: str, domain: str = "docs.leadfactory.test") -> dict[str, str]:
    facts = await address.look_up(Subject(domain, email))
    return {fact.name: fact.values[0] for fact in facts if fact.state is FOUND}


async def test_a_persons_address_at_their_own_domain(site: Site, address: AddressProvider, spy: Spy) -> None:
    assert await read(address, "ada@docs.leadfactory.test") == {
        "syntax": "valid",
        "role": "no",
        "disposable": "no",
        "free": "no",
        "same_domain": "yes",
        "deliverable": "yes",
    }
    assert spy.dialled == []


@pytest.mark.parametrize(
    ("email", "fact", "value"),
    [
        ("info@docs.leadfactory.test", "role", "yes"),
        ("Sales+autumn@docs.leadfactory.test", "role", "yes"),
        ("someone@mailinator.com", "disposable", "yes"),
        ("someone@a.sub.mailinator.com", "disposable", "yes"),
        # A name below a dynamic one, whose neighbours are not.
        ("someone@yopmail.loseyourip.com", "disposable", "yes"),
        ("someone@a.yopmail.loseyourip.com", "disposable", "yes"),
        ("someone@mailbox.loseyourip.com", "disposable", "no"),
        ("someone@gmail.com", "free", "yes"),
        ("someone@gmail.com", "same_domain", "no"),
        ("ada@bücher.leadfactory.test", "idn", "xn--bcher-kva.leadfactory.test"),
        ("ada@bücher.leadfactory.test", "deliverable", "yes"),
        ("ada@mailonly.leadfactory.test", "deliverable", "no"),
        ("ada@missing.leadfactory.test", "deliverable", "no"),
        ("ada@spf-none.leadfactory.test", "deliverable", "no"),
    ],
)
async def test_addresses_are_told_apart(
    site: Site, address: AddressProvider, email: str, fact: str, value: str
) -> None:
    assert (await read(address, email))[fact] == value


async def test_where_dns_fails_nothing_is_said_of_delivery(site: Site, address: AddressProvider) -> None:
    facts = await facts_of(address, site.host("broken"))
    assert facts["deliverable"].state is UNREACHABLE
    assert facts["idn"].state is NOT_FOUND


async def test_what_is_no_address_is_an_error(site: Site, address: AddressProvider) -> None:
    facts = await address.look_up(Subject("docs.leadfactory.test", "ada at home"))
    assert {fact.state for fact in facts} == {ERROR}
