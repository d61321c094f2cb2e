"""Promise: in a browser an admin has others told of reports, sees what came of it, and loses no secret."""

import base64
import hashlib
import hmac

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_live import call
from tests.fixtures.receiver import Received, Receiver, Reply
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def add_webhook(page: Page, url: str, name: str) -> str:
    """Add a webhook and return the secret that is shown once; the page is then the webhook's own."""
    await page.get_by_role("link", name="Webhooks").click()
    await page.get_by_role("button", name="Add a webhook…").click()
    dialog = page.get_by_role("dialog", name="Add a webhook")
    await dialog.get_by_label("Address").fill(url)
    await dialog.get_by_label("What people call it").fill(name)
    await page.keyboard.press("Enter")
    secret = await kept_secret(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return secret


async def kept_secret(page: Page) -> str:
    """Read the secret that a dialog shows, and say that it is kept."""
    dialog = page.get_by_role("dialog", name="Keep this secret")
    await expect(dialog.get_by_role("button", name="Copy the secret")).to_be_focused()
    secret = await dialog.locator("code").inner_text()
    assert secret.startswith("whsec_")
    if AXE.is_file():
        assert await accessibility_violations(page) == []
    await dialog.get_by_role("button", name="I have kept it").click()
    await expect(dialog).to_have_count(0)
    return secret


def signed_with(message: Received, secret: str) -> bool:
    """Check a signature as a receiver does."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    named = (message.headers["webhook-id"], message.headers["webhook-timestamp"])
    signed = ".".join(named).encode() + b"." + message.body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return f"v1,{signature}" in message.headers["webhook-signature"].split()


def deliveries(page: Page) -> Locator:
    return page.get_by_role("region", name="Deliveries")


async def test_a_receiver_is_told_and_what_it_answered_is_seen(
    console: Page, stack: Stack, receiver: Receiver
) -> None:
    # A receiver that asks for patience gets it: what it answered is there to be seen until a person presses.
    receiver.replies = [Reply(500, {"Retry-After": "600"}), Reply(204)]
    secret = await add_webhook(console, receiver.url, "Billing")
    rows = deliveries(console).get_by_role("row")
    await expect(deliveries(console)).to_contain_text("Nothing was sent yet")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await console.get_by_role("button", name="Send a test").click()
    await expect(rows.nth(1)).to_contain_text("HTTP 500")
    await rows.nth(1).get_by_role("button", name="Try now").click()
    await expect(rows.nth(1)).to_contain_text("HTTP 204")
    await expect(rows.nth(1)).to_contain_text("Delivered")
    await expect(rows.nth(1)).to_contain_text("2 attempts")
    assert all(signed_with(message, secret) for message in receiver.received)

    lead = await call(console, "POST", "/api/leads", {"email": f"told@{stack.domain}"})
    await call(console, "POST", "/api/reports", {"lead_id": lead["id"]})
    told = rows.filter(has_text="Report completed")
    await expect(told).to_contain_text("Delivered")
    await told.get_by_role("button", name="Send again").click()
    await expect(told).to_contain_text("Delivered")
    await deliveries(console).get_by_label("Status").select_option("Given up")
    await expect(deliveries(console)).to_contain_text("No delivery is in this state")
    await deliveries(console).get_by_label("Status").select_option("All")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await told.get_by_role("link", name="Report completed").click()
    await expect(console.get_by_role("region", name="Document")).to_be_visible()


async def test_it_is_edited_paused_given_a_new_secret_and_removed(console: Page, receiver: Receiver) -> None:
    first = await add_webhook(console, receiver.url, "To be changed")
    await console.get_by_role("button", name="Edit…").click()
    dialog = console.get_by_role("dialog", name="Edit the webhook")
    await dialog.get_by_label("Address").fill("https://10.0.0.1/hook")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Address").fill(f"{receiver.url}/2")
    for event in ("Report completed", "Report failed", "Batch ended"):
        await dialog.get_by_label(event).uncheck()
    await expect(dialog).to_contain_text("Choose at least one.")
    await expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    await dialog.get_by_label("Batch ended").check()
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    details = console.get_by_role("region", name="Webhook", exact=True)
    await expect(details).to_contain_text(f"{receiver.url}/2")
    await expect(details).to_contain_text("Batch ended")
    await expect(details).not_to_contain_text("Report completed")

    await console.get_by_role("button", name="Pause").click()
    await expect(console.get_by_text("Paused", exact=True)).to_be_visible()
    await expect(console.get_by_role("button", name="Send a test")).to_be_disabled()
    await console.get_by_role("button", name="Resume").click()
    await expect(console.get_by_text("Enabled", exact=True)).to_be_visible()

    await console.get_by_role("button", name="Rotate…").click()
    await console.get_by_role("button", name="Make a new secret").click()
    second = await kept_secret(console)
    await expect(console.get_by_role("list", name="Secrets that sign").get_by_role("listitem")).to_have_count(
        2
    )
    await console.get_by_role("button", name="Send a test").click()
    await expect(deliveries(console)).to_contain_text("HTTP 204")
    (message,) = receiver.received
    assert signed_with(message, first)
    assert signed_with(message, second)

    await console.get_by_role("button", name="Remove…").click()
    dialog = console.get_by_role("dialog", name="Remove To be changed")
    await expect(dialog).to_contain_text("It cannot be undone.")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await dialog.get_by_role("button", name="Remove for good").click()
    await expect(console.get_by_role("heading", level=1)).to_have_text("Webhooks")
    await expect(console.get_by_role("link", name="To be changed")).to_have_count(0)


async def test_an_address_that_may_not_be_told_is_refused_beside_it(console: Page) -> None:
    await console.get_by_role("link", name="Webhooks").click()
    await console.get_by_role("button", name="Add a webhook…").click()
    dialog = console.get_by_role("dialog", name="Add a webhook")
    await dialog.get_by_label("Address").fill("https://10.0.0.1/hook")
    await console.keyboard.press("Enter")
    await expect(dialog.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    await console.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(console.get_by_role("button", name="Add a webhook…")).to_be_focused()


async def test_only_administrators_see_webhooks(chromium: Browser, stack: Stack) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(stack.login_url("auditor"))
    await expect(page.get_by_role("link", name="Operations")).to_be_visible()
    await expect(page.get_by_role("link", name="Webhooks")).to_have_count(0)
    await page.goto(f"{stack.url}/webhooks")
    await expect(page.get_by_role("main")).to_contain_text("Not for your role")
    await context.close()
