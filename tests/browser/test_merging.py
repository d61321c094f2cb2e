"""Promise: two leads become one in the console, by keyboard alone, and two again."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_live import call
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def test_two_leads_become_one_by_keyboard_and_two_again(console: Page, stack: Stack) -> None:
    mine, theirs = f"mine@{stack.domain}", f"theirs@{stack.domain}"
    bodies = ({"email": mine}, {"email": theirs, "name": "Hedy", "is_manual": True})
    made = [await call(console, "POST", "/api/leads", body) for body in bodies]
    await console.get_by_role("row").filter(has_text=mine).get_by_role("link").click()
    await expect(console.get_by_role("heading", level=1)).to_have_text(mine)

    opener = console.get_by_role("button", name="Merge…")
    await opener.focus()
    await console.keyboard.press("Enter")
    dialog = console.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await console.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(opener).to_be_focused()

    await console.keyboard.press("Enter")
    # Leads of the same domain are there before anything is searched for.
    await expect(dialog.get_by_role("radio", name=theirs)).to_be_visible()
    await dialog.get_by_label("Find the other lead").focus()
    await console.keyboard.type("hedy")
    await expect(dialog.get_by_role("radio")).to_have_count(1)
    await console.keyboard.press("Tab")
    await console.keyboard.press("Space")
    emails = dialog.get_by_role("radiogroup", name="E-mail")
    await expect(emails.get_by_role("radio", name=mine)).to_be_checked()
    # A lead without a name takes the other one's.
    names = dialog.get_by_role("radiogroup", name="Name")
    await expect(names.get_by_role("radio", name="Hedy")).to_be_checked()
    await expect(dialog.get_by_role("radiogroup", name="Domain")).to_have_count(0)
    await console.keyboard.press("Tab")
    await expect(emails.get_by_role("radio", name=mine)).to_be_focused()
    await console.keyboard.press("ArrowRight")
    await expect(emails.get_by_role("radio", name=theirs)).to_be_checked()
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    merge = dialog.get_by_role("button", name="Merge", exact=True)
    # A button that is disabled yet cannot be focused, and the key would go elsewhere.
    await expect(merge).to_be_enabled()
    await merge.focus()
    await console.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(console.get_by_role("heading", level=1)).to_have_text(theirs)
    await expect(console.get_by_role("region", name="Identity")).to_contain_text("Hedy")

    await console.goto(console.url.replace(str(made[0]["id"]), str(made[1]["id"])))
    merged = console.get_by_role("region", name="Merged")
    await expect(merged.get_by_role("link")).to_have_text(theirs)
    await expect(opener).to_have_count(0)
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await merged.get_by_role("button", name="Take apart").click()
    await expect(merged).to_have_count(0)
    for lead, email in zip(made, (mine, theirs), strict=True):
        assert (await call(console, "GET", f"/api/leads/{lead['id']}"))["email"] == email


async def test_a_merge_that_is_refused_says_why(console: Page, stack: Stack) -> None:
    first = await call(console, "POST", "/api/leads", {"email": f"first@{stack.domain}"})
    await call(console, "POST", "/api/leads", {"email": f"second@{stack.domain}"})
    await console.get_by_role("row").filter(has_text=f"first@{stack.domain}").get_by_role("link").click()
    await console.get_by_role("button", name="Merge…").click()
    dialog = console.get_by_role("dialog")
    await dialog.get_by_label("Find the other lead").fill("second@")
    await dialog.get_by_role("radio", name="second@").check()
    await console.route("**/*:merge", lambda route: route.continue_(post_data={"other_id": first["id"]}))
    await dialog.get_by_role("button", name="Merge", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Nothing was merged")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
