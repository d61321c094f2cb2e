"""Promise: in a browser two reports on a lead are compared, and who opened a lineage is there to see."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_journey import make_report
from tests.browser.test_live import call
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def test_two_reports_are_compared_and_the_comparison_is_on_record(
    console: Page, chromium: Browser, stack: Stack
) -> None:
    email = f"compared@{stack.domain}"
    await make_report(console, email)
    first = console.url.rpartition("/")[2]
    lead_id = str((await call(console, "GET", f"/api/reports/{first}"))["lead_id"])
    await call(console, "PATCH", f"/api/leads/{lead_id}", {"name": "Renamed between"})
    await console.get_by_role("link", name=email).click()
    await console.get_by_role("button", name="Generate report").click()
    reports = console.get_by_role("region", name="Reports")
    await expect(reports.get_by_text("Completed")).to_have_count(2)
    await reports.get_by_role("row").nth(1).get_by_role("link").first.click()

    lineage = console.get_by_role("region", name="Lineage", exact=True)
    await lineage.get_by_role("link", name="Compare with another").click()
    # The earlier one is chosen without a word, and is the one on the left.
    await expect(console.get_by_label("With")).to_have_value(first)
    inputs = console.get_by_role("region", name="Raw inputs")
    await inputs.get_by_label("Place contains").fill("LEAD.NAME")
    await expect(inputs.locator("ins")).to_have_text('"Renamed between"')
    await expect(inputs.locator("del")).to_have_text('""')
    glance = console.get_by_role("list", name="At a glance")
    await expect(glance.get_by_role("listitem").filter(has_text="Template")).to_contain_text("Identical")
    await expect(glance.get_by_role("listitem").filter(has_text="PDF")).to_contain_text("Different")
    await console.get_by_role("button", name="Open the pages").click()
    pictures = console.get_by_role("region", name="Pages").get_by_role("img")
    await expect(pictures).to_have_count(2, timeout=120_000)
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await console.get_by_label("Or the ID of any report").fill("no report")
    await console.keyboard.press("Enter")
    await expect(console.get_by_role("alert")).to_contain_text("could not be read")

    await console.goto("/".join([*console.url.split("/")[:3], "reports", first]))
    accesses = console.get_by_role("region", name="Who opened it")
    await accesses.get_by_role("button", name="Open the accesses").click()
    await expect(accesses.get_by_role("row").filter(has_text="Compared").first).to_contain_text("127.0.0.1")
    await accesses.get_by_label("What").select_option("Raw inputs opened")
    await expect(accesses.get_by_role("row").filter(has_text="Lineage viewed")).to_have_count(0)
    if AXE.is_file():
        assert await accessibility_violations(console) == []

    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(stack.login_url("viewer"))
    await page.goto(f"{console.url}/compare")
    await expect(page.get_by_role("main")).to_contain_text("Not for your role")
    await context.close()
