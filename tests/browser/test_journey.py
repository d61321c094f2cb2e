"""Promise: in a browser, an e-mail address becomes a PDF whose lineage and raw inputs are a click away.

The console that the gateway serves runs in a real Chromium, in front of the whole stack and a real
site. What it shows is compared with the bytes that it hands out.
"""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.accessibility import AXE, accessibility_violations
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def quick_add(page: Page, email: str) -> None:
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_role("button", name="Add lead").click()


async def make_report(page: Page, email: str) -> None:
    """From the list of leads to a report whose lineage has arrived."""
    await quick_add(page, email)
    row = page.get_by_role("row").filter(has_text=email)
    await expect(row).to_contain_text("Enriched")
    await row.get_by_role("link").click()
    await page.get_by_role("button", name="Generate report").click()
    await (
        page.get_by_role("region", name="Reports").get_by_role("row").nth(1).get_by_role("link").first.click()
    )
    await expect(page.get_by_role("region", name="Lineage")).to_contain_text("Pipeline run")


async def shown(page: Page, label: str) -> str:
    """Return the identifier or digest that stands before the button that copies it."""
    button = page.get_by_role("button", name=f"Copy {label}", exact=True)
    return str(await button.locator("xpath=preceding-sibling::code").inner_text())


async def test_an_address_becomes_a_pdf_whose_lineage_leads_to_its_raw_inputs(
    console: Page, stack: Stack
) -> None:
    email = f"journey@{stack.domain}"
    await quick_add(console, email)

    row = console.get_by_role("row").filter(has_text=email)
    await expect(row).to_contain_text("manual")
    await expect(row).to_contain_text("Enriched")  # without a reload
    await row.get_by_role("link").click()

    await expect(console.get_by_role("heading", level=1)).to_have_text(email)
    await expect(console.get_by_role("region", name="Home page")).to_contain_text(stack.domain)
    lead_id = console.url.rpartition("/")[2]
    await console.get_by_role("button", name="Generate report").click()
    reports = console.get_by_role("region", name="Reports")
    await expect(reports).to_contain_text("Completed")
    async with console.expect_response(lambda response: "/pdf" in response.url) as shown_pdf:
        await reports.get_by_role("link").first.click()
    answer = await shown_pdf.value
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    await expect(console.get_by_title("The report as PDF")).to_be_visible()

    lineage = console.get_by_role("region", name="Lineage")
    await expect(lineage).to_contain_text("Pipeline run")
    assert await shown(console, "lead ID of the lineage") == lead_id
    assert await shown(console, "pipeline run ID")
    assert "@" in await shown(console, "template version")
    pdf = await console.request.get(answer.url)
    digest = hashlib.sha256(await pdf.body()).hexdigest()
    assert await shown(console, "PDF SHA-256") == digest
    assert await shown(console, "PDF SHA-256 of the lineage") == digest

    await console.get_by_role("button", name="Open the log").click()
    log = console.get_by_role("region", name="Pipeline log")
    lines = log.get_by_role("listitem")
    await expect(lines.first).to_be_visible()
    await log.get_by_label("Search the log").fill("no line says this")
    await expect(log).to_contain_text("No line matches")
    await log.get_by_label("Search the log").fill("render")
    await lines.first.get_by_role("button", expanded=False).click()
    await expect(lines.nth(1)).to_contain_text("time")

    async with console.expect_download() as download:
        await lineage.get_by_role("link", name="Download raw inputs").click()
    saved = Path(await (await download.value).path()).read_bytes()
    inputs = gzip.decompress(saved)
    assert hashlib.sha256(inputs).hexdigest() == await shown(console, "raw inputs SHA-256")
    assert json.loads(inputs)["lead"]["email"] == email


async def test_a_lead_can_be_added_by_keyboard_alone(console: Page, stack: Stack) -> None:
    email = f"keyboard@{stack.domain}"
    await expect(console.get_by_role("heading", level=1)).to_have_text("Leads")
    await console.keyboard.press("/")
    await console.keyboard.type("no address")
    await console.keyboard.press("Enter")
    field = console.get_by_label("E-mail")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_be_focused()
    await console.keyboard.press("Escape")
    await expect(field).to_have_value("")

    await console.keyboard.press("/")
    await console.keyboard.type(email)
    await console.keyboard.press("Tab")
    await expect(console.get_by_label("Domain")).to_be_focused()
    await console.keyboard.press("Tab")
    await console.keyboard.press("Enter")
    link = console.get_by_role("row").filter(has_text=email).get_by_role("link")
    await expect(link).to_be_visible()
    await link.focus()
    await console.keyboard.press("Enter")
    await expect(console.get_by_role("heading", level=1)).to_have_text(email)
    await expect(console.get_by_role("main")).to_be_focused()


async def test_a_viewer_is_told_what_needs_another_role(
    console: Page, chromium: Browser, stack: Stack
) -> None:
    await make_report(console, f"viewed@{stack.domain}")
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(stack.login_url("viewer"))
    await expect(page.get_by_role("main")).to_contain_text("adding one needs the operator role")
    await expect(page.get_by_role("button", name="Add lead")).to_have_count(0)
    await page.goto(console.url)
    lineage = page.get_by_role("region", name="Lineage")
    await expect(lineage).to_contain_text("Opening raw inputs needs the operator or auditor role")
    await expect(lineage.get_by_role("link", name="Download raw inputs")).to_have_count(0)
    await context.close()


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: run `npm ci` in gateway/console")
async def test_no_screen_has_a_serious_accessibility_violation(console: Page, stack: Stack) -> None:
    await expect(console.get_by_role("heading", level=1)).to_have_text("Leads")
    await quick_add(console, "no address")
    await expect(console.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    assert await accessibility_violations(console) == []

    await make_report(console, f"axe@{stack.domain}")
    await console.get_by_role("button", name="Open the log").click()
    await console.get_by_role("region", name="Log lines").get_by_role("button").first.click()
    assert await accessibility_violations(console) == []

    await console.get_by_role("link", name=f"axe@{stack.domain}").click()
    await expect(console.get_by_role("region", name="Home page")).to_be_visible()
    assert await accessibility_violations(console) == []

    await console.get_by_role("link", name="Reports").click()
    await expect(console.get_by_role("region", name="All reports").get_by_role("row").nth(1)).to_be_visible()
    assert await accessibility_violations(console) == []

    await console.get_by_role("button", name="Sign out").click()
    await expect(console.get_by_role("heading", level=1)).to_have_text("You are signed out")
    assert await accessibility_violations(console) == []
