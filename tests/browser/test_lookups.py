"""Promise: in a browser a lead is looked up again, and what that suggests is taken over or turned down."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.accessibility import accessibility_violations
from tests.browser.test_journey import quick_add
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def open_enriched(console: Page, email: str) -> tuple[Locator, Locator]:
    """Add a lead and go to its page; returns its suggestions and its identity."""
    await quick_add(console, email)
    row = console.get_by_role("row").filter(has_text=email)
    await expect(row).to_contain_text("Enriched")
    await row.get_by_role("link").click()
    suggestions = console.get_by_role("region", name="Suggestions")
    await expect(suggestions).to_contain_text("Northwind Bakery")
    identity = console.get_by_role("region", name="Identity")
    await expect(identity).not_to_contain_text("Northwind Bakery")
    return suggestions, identity


async def test_an_accepted_suggestion_is_written(console: Page, stack: Stack) -> None:
    assert stack.site is not None
    suggestions, identity = await open_enriched(console, f"accepted@{stack.site.host('bakery')}")
    assert await accessibility_violations(console) == []
    await console.get_by_role("button", name="Accept Northwind Bakery as name").click()
    await expect(identity).to_contain_text("Northwind Bakery")
    await expect(suggestions).to_have_count(0)


async def test_a_dismissed_suggestion_stays_so_when_the_lead_is_looked_up_again(
    console: Page, stack: Stack
) -> None:
    assert stack.site is not None
    suggestions, identity = await open_enriched(console, f"dismissed@{stack.site.host('bakery')}")
    await console.get_by_role("button", name="Dismiss Northwind Bakery as name").click()
    await expect(suggestions).to_have_count(0)
    async with console.expect_response(lambda answer: answer.url.endswith(":enrich")) as asked:
        await console.get_by_role("button", name="Look up again").click()
    assert (await (await asked.value).json())["enrichment_status"] == "PENDING"
    await expect(console.get_by_role("button", name="Look up again")).to_be_visible()
    await expect(suggestions).to_have_count(0)
    await expect(identity).not_to_contain_text("Northwind Bakery")
