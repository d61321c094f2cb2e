"""Promise: in a browser a lead is edited, deleted, brought back, held, erased; no edit of others is lost."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_live import call
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def open_lead(page: Page, email: str) -> str:
    """Make a lead, go to its page and return its id."""
    made = await call(page, "POST", "/api/leads", {"email": email})
    await page.get_by_role("row").filter(has_text=email).get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(email)
    return str(made["id"])


async def open_editor(page: Page) -> Locator:
    await page.get_by_role("button", name="Edit…").click()
    return page.get_by_role("dialog", name="Edit the lead")


async def test_an_edit_is_saved_and_a_bad_one_is_refused_where_it_is(console: Page, stack: Stack) -> None:
    await open_lead(console, f"edited@{stack.domain}")
    dialog = await open_editor(console)
    await dialog.get_by_label("E-mail").fill("no address")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("E-mail").fill(f"better@{stack.domain}")
    await dialog.get_by_label("Name").fill("Grace")
    await console.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(console.get_by_role("heading", level=1)).to_have_text(f"better@{stack.domain}")
    await expect(console.get_by_role("region", name="Identity")).to_contain_text("Grace")


@pytest.mark.parametrize("told", [True, False], ids=["told at once", "told by the refusal"])
async def test_of_two_editors_the_slower_one_decides_knowingly(
    console: Page, stack: Stack, told: bool
) -> None:
    lead_id = await open_lead(console, f"contested-{told}@{stack.domain}".lower())
    if not told:
        await console.route("**/api/leads:watch*", lambda route: route.abort())
        await console.reload()
        await expect(console.get_by_text("Reconnecting")).to_be_visible()
    dialog = await open_editor(console)
    await dialog.get_by_label("Domain").fill("mine.example")
    await call(console, "PATCH", f"/api/leads/{lead_id}", {"name": "Theirs"})
    if not told:
        await dialog.get_by_role("button", name="Save").click()
    conflict = dialog.get_by_role("alert", name="Conflict")
    await expect(conflict.locator("ins")).to_have_text("Theirs")
    await expect(dialog.get_by_role("button", name="Save")).to_have_count(0)
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await conflict.get_by_role("button", name="Keep my changes").click()
    await expect(dialog.get_by_label("Name")).to_have_value("Theirs")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    lead = await call(console, "GET", f"/api/leads/{lead_id}")
    assert (lead["name"], lead["domain"]) == ("Theirs", "mine.example")


async def test_a_lead_is_deleted_and_brought_back(console: Page, stack: Stack) -> None:
    await open_lead(console, f"deleted@{stack.domain}")
    await console.get_by_role("button", name="Delete the lead").click()
    await console.get_by_role("button", name="Press again to delete").click()
    deleted = console.get_by_role("region", name="Deleted")
    await expect(deleted).to_contain_text("was deleted")
    await expect(console.get_by_role("button", name="Edit…")).to_have_count(0)
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await deleted.get_by_role("button", name="Bring it back").click()
    await expect(deleted).to_have_count(0)
    await expect(console.get_by_role("button", name="Edit…")).to_be_visible()


async def test_a_lead_is_held_and_released_and_erased_by_its_address(console: Page, stack: Stack) -> None:
    email = f"held@{stack.domain}"
    await open_lead(console, email)
    keeping = console.get_by_role("region", name="Keep or remove")
    await keeping.get_by_role("button", name="Hold…").click()
    await console.get_by_label("Why, for those who read the audit").fill("case 12")
    await console.keyboard.press("Enter")
    await expect(keeping).to_contain_text("case 12")
    await keeping.get_by_role("button", name="Release").click()
    await keeping.get_by_role("button", name="Press again to release").click()
    await expect(keeping).to_contain_text("Not held")

    await keeping.get_by_role("button", name="Erase…").click()
    dialog = console.get_by_role("dialog", name="Erase this lead for good")
    await expect(dialog.get_by_role("button", name="Erase for good")).to_be_disabled()
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await dialog.get_by_label("to confirm").fill(email)
    await dialog.get_by_role("button", name="Erase for good").click()
    await expect(console.get_by_role("main")).to_contain_text("There is no such lead")
    await expect(console.get_by_role("main")).not_to_contain_text(email)
