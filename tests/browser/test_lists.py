"""Promise: the list of leads finds one among many, and stays readable whatever a lead is called."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_live import call
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LONG_HOST = ".".join(["a-label-of-a-host-name-that-goes-on-and-on"] * 4) + ".example"


async def test_a_lead_with_the_longest_names_pushes_no_column_out(console: Page, stack: Stack) -> None:
    lead = {"email": f"{'x' * 60}@{LONG_HOST}", "name": "Manufacturers, Importers and Exporters " * 3}
    await call(console, "POST", "/api/leads", lead)
    await call(console, "POST", "/api/leads", {"email": f"short@{stack.domain}"})
    await console.goto("/".join([*console.url.split("/")[:3], "leads"]))
    row = console.get_by_role("row").filter(has_text=f"short@{stack.domain}")
    await expect(row).to_be_visible()
    assert await console.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = await row.get_by_role("cell").nth(1).bounding_box()
    assert box is not None
    # One line, or two: not one for each letter.
    assert box["height"] < 80


async def test_a_search_narrows_the_list_as_it_is_typed_and_stays_in_the_address(
    console: Page, stack: Stack
) -> None:
    for name in ("Needle & Thread", "Haystack"):
        email = f"{name.split()[0].lower()}@{stack.domain}"
        await call(console, "POST", "/api/leads", {"email": email, "name": name})
    rows = console.get_by_role("row").filter(has_text=stack.domain)
    await expect(rows.filter(has_text="haystack@")).to_be_visible()
    search = console.get_by_role("searchbox", name="Search")
    await search.press_sequentially("NEEDLE &")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Needle & Thread")
    await expect(console).to_have_url(re.compile(r"q=NEEDLE"))
    await console.reload()
    await expect(search).to_have_value("NEEDLE &")
    await expect(rows).to_have_count(1)
    # What happens meanwhile is told to the list as it is searched.
    other = await call(
        console, "POST", "/api/leads", {"email": f"late@{stack.domain}", "name": "needle & pin"}
    )
    await expect(rows.filter(has_text="needle & pin")).to_be_visible()
    await call(console, "PATCH", f"/api/leads/{other['id']}", {"name": "Pin"})
    await expect(rows).to_have_count(1)
    await console.get_by_role("button", name="Clear").click()
    await expect(search).to_have_value("")
    await expect(rows.filter(has_text="haystack@")).to_be_visible()
