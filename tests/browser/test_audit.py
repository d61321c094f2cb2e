"""Promise: in a browser an auditor sees who did what to a lead, what it was then, and takes away proof."""

import subprocess
import sys

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from deploy.local.home import CHECKOUT
from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_live import call
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def a_lead_with_a_past(page: Page, email: str) -> str:
    """Return the id of a lead that was made, named, tried to be changed in vain, and deleted."""
    made = await call(page, "POST", "/api/leads", {"email": email})
    lead = f"/api/leads/{made['id']}"
    await call(page, "PATCH", lead, {"name": "Maud"})
    origin = "/".join(page.url.split("/")[:3])
    stale = await page.request.patch(
        f"{origin}{lead}?etag=stale", data={"name": "In vain"}, headers={"origin": origin}
    )
    assert stale.status == 409
    await call(page, "PATCH", lead, {"name": "Maud Menten"})
    return str(made["id"])


async def open_trail(page: Page, lead_id: str) -> Locator:
    """Go to a lead and open its audit trail."""
    await page.goto("/".join([*page.url.split("/")[:3], "leads", lead_id]))
    trail = page.get_by_role("region", name="Audit trail")
    await trail.get_by_role("button", name="Open the trail").click()
    await expect(trail.get_by_role("list").first).to_be_visible()
    return trail


async def test_an_auditor_sees_who_did_what(console: Page, stack: Stack) -> None:
    trail = await open_trail(console, await a_lead_with_a_past(console, f"trail@{stack.domain}"))
    entries = trail.get_by_role("list", name="Entries, newest first").locator("> li")
    await expect(entries).to_have_count(4)
    await expect(entries.nth(0)).to_contain_text("Changed")
    await expect(entries.nth(0).locator("del")).to_have_text("Maud")
    await expect(entries.nth(0).locator("ins")).to_have_text("Maud Menten")
    await expect(entries.nth(1)).to_contain_text("Failed")
    await expect(entries.nth(1)).to_contain_text("ETAG_MISMATCH")
    await expect(entries.nth(3)).to_contain_text("Created")
    circumstances = entries.nth(0).get_by_text("Circumstances")
    await circumstances.focus()
    await console.keyboard.press("Enter")
    await expect(entries.nth(0)).to_contain_text("leadfactory.lead.v1.LeadService/UpdateLead")
    await expect(entries.nth(0)).to_contain_text("127.0.0.1")
    await expect(entries.nth(0)).to_contain_text("Chrome")
    if AXE.is_file():
        assert await accessibility_violations(console) == []

    await trail.get_by_label("Action").select_option("Failed")
    await expect(entries).to_have_count(1)
    await trail.get_by_label("Action").select_option("Audit read")
    await expect(entries.first).to_contain_text("Audit read")
    await trail.get_by_role("button", name="Clear").click()
    await trail.get_by_label("Field").select_option("Name")
    await expect(entries).to_have_count(3)
    await trail.get_by_text("By person, address or time").click()
    await trail.get_by_label("Person").fill("nobody of this name")
    await console.keyboard.press("Enter")
    await expect(trail).to_contain_text("No entry matches")


async def test_a_change_meanwhile_is_told_and_read_on_demand(console: Page, stack: Stack) -> None:
    lead_id = await a_lead_with_a_past(console, f"meanwhile@{stack.domain}")
    trail = await open_trail(console, lead_id)
    await call(console, "PATCH", f"/api/leads/{lead_id}", {"name": "Newer"})
    await trail.get_by_role("button", name="Show the newest entries").click()
    await expect(trail.locator("ins").first).to_have_text("Newer")


async def test_a_lead_is_shown_as_it_was(console: Page, stack: Stack) -> None:
    lead_id = await a_lead_with_a_past(console, f"past@{stack.domain}")
    trail = await open_trail(console, lead_id)
    entry = trail.get_by_role("list", name="Entries, newest first").locator("> li").nth(2)
    await expect(entry.locator("ins")).to_have_text("Maud")
    await entry.get_by_role("link", name="See the lead then").click()
    banner = console.get_by_role("region", name="In the past")
    await expect(banner).to_contain_text("As it was on")
    await expect(console.get_by_role("main")).to_be_focused()
    then = console.get_by_role("region", name="The lead then")
    await expect(then).to_contain_text("1 field is different now")
    await expect(then).to_contain_text("Maud Menten")
    await expect(console.get_by_role("button", name="Generate report")).to_have_count(0)
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    # The address is all that another person needs.
    await console.goto(console.url)
    await expect(then).to_contain_text("1 field is different now")
    await banner.get_by_role("link", name="Back to now").click()
    await expect(console.get_by_role("button", name="Generate report")).to_be_visible()
    await console.goto(f"{console.url.split('?')[0]}?as_of=2020-01-01T00:00:00Z")
    await expect(console.get_by_role("alert")).to_contain_text("cannot be shown as it was then")


async def test_the_evidence_is_accepted_by_the_command_beside_it(console: Page, stack: Stack) -> None:
    trail = await open_trail(console, await a_lead_with_a_past(console, f"proof@{stack.domain}"))
    command = await trail.get_by_text("python -m services.evidence verify").inner_text()
    async with console.expect_download() as download:
        await trail.get_by_role("link", name="Download the evidence").click()
    evidence = str(await (await download.value).path())
    log = await call(console, "GET", "/api/leads/audit-log/checkpoint")
    words = {"python": sys.executable, "evidence.zip": evidence, '"$PUBLIC_KEY"': str(log["public_key"])}
    ran = subprocess.run(
        [words.get(word, word) for word in command.split()], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


async def test_an_erased_lead_leaves_only_its_trail(console: Page, stack: Stack) -> None:
    lead_id = await a_lead_with_a_past(console, f"erased@{stack.domain}")
    await call(console, "POST", f"/api/leads/{lead_id}:erase", {})
    trail = await open_trail(console, lead_id)
    await expect(console.get_by_role("main")).to_contain_text("There is no such lead")
    await expect(trail).to_contain_text("Every value about the lead was removed")
    await expect(trail).not_to_contain_text("Maud")
    await expect(trail.get_by_role("link", name="See the lead then")).to_have_count(0)


async def test_who_may_not_read_the_trail_is_told_so(console: Page, chromium: Browser, stack: Stack) -> None:
    made = await call(console, "POST", "/api/leads", {"email": f"untold@{stack.domain}"})
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(stack.login_url("viewer"))
    await page.goto("/".join([*page.url.split("/")[:3], "leads", str(made["id"])]))
    trail = page.get_by_role("region", name="Audit trail")
    await expect(trail).to_contain_text("read by auditors and administrators")
    await expect(trail.get_by_role("button")).to_have_count(0)
    await context.close()
