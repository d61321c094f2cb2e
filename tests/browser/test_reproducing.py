"""Promise: in a browser a report is made again, and whether it is the same is told in words and shapes."""

import asyncio
import hashlib
import json
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_journey import make_report, shown
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def reproduction(page: Page, stack: Stack, name: str) -> Locator:
    """Make a report and return the card that makes it again."""
    await make_report(page, f"{name}@{stack.domain}")
    return page.get_by_role("region", name="Reproduction")


def stored(stack: Stack, sha256: str) -> Path:
    """Return the file that is the PDF of this digest."""
    files = (each for each in (stack.home / "objects").rglob("*") if each.is_file())
    return next(each for each in files if hashlib.sha256(each.read_bytes()).hexdigest() == sha256)


async def test_a_report_is_made_again_by_keyboard_and_is_the_same(console: Page, stack: Stack) -> None:
    card = await reproduction(console, stack, "again")
    said = console.locator("body > #root > [role=status]")
    button = card.get_by_role("button", name="Make it again")
    await button.focus()
    # However fast it is made: it is asked for once the progress was seen.
    is_seen = asyncio.Event()

    async def held(route: Route) -> None:
        await is_seen.wait()
        await route.continue_()

    await console.route("**/*:reproduce", held)
    await console.keyboard.press("Enter")
    await expect(card.get_by_role("progressbar", name="Progress of the reproduction")).to_be_visible()
    is_seen.set()
    verdict = card.get_by_role("region", name="Verdict")
    await expect(verdict.get_by_role("heading", level=3).first).to_have_text("Identical")
    await expect(said).to_contain_text("Verdict: Identical.")
    assert await shown(console, "SHA-256 as issued") == await shown(console, "PDF SHA-256")
    await expect(card.get_by_role("button", name="Make it once more")).to_be_focused()
    if AXE.is_file():
        assert await accessibility_violations(console) == []


async def test_a_stored_pdf_that_was_painted_on_is_told_with_the_page(console: Page, stack: Stack) -> None:
    card = await reproduction(console, stack, "painted")
    file = stored(stack, await shown(console, "PDF SHA-256"))
    with pikepdf.open(file) as pdf:
        pdf.pages[2].contents_add(pikepdf.Stream(pdf, b"q 1 0 0 rg 100 100 80 80 re f Q"))
        painted = BytesIO()
        pdf.save(painted)
    file.chmod(0o600)
    file.write_bytes(painted.getvalue())
    await card.get_by_role("button", name="Make it again").click()
    await expect(card.get_by_role("heading", name="The stored PDF was damaged")).to_be_visible()
    assert await shown(console, "SHA-256 as stored") == hashlib.sha256(painted.getvalue()).hexdigest()
    pages = card.get_by_role("listitem")
    await expect(pages).to_have_count(1)
    await expect(pages).to_contain_text("of its pixels")
    await expect(pages.get_by_role("link", name="Page 3")).to_be_visible()
    if AXE.is_file():
        assert await accessibility_violations(console) == []


async def test_what_an_upgrade_changed_is_named_and_whoever_is_too_early_waits(
    console: Page, stack: Stack
) -> None:
    card = await reproduction(console, stack, "upgraded")
    busy = {
        "status": "RESOURCE_EXHAUSTED",
        "message": "Too many wait.",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "REPRODUCTIONS_BUSY"},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "1s"},
        ],
    }
    different = {
        "identical": False, "environment_matches": False, "pages_compared": 9,
        "expected_sha256": "a" * 64, "actual_sha256": "b" * 64, "stored_sha256": "a" * 64,
        "differences": [
            {"kind": "ENVIRONMENT", "name": "pango", "expected": "1.50", "actual": "1.54"},
            {"kind": "PDF", "name": "PDF", "expected": "a" * 64, "actual": "b" * 64},
            {"kind": "PAGE", "name": "page 2", "page": 2, "share": 0.25},
        ],
    }  # fmt: skip
    answers = [(429, {"error": busy}), (200, different)]

    async def answer(route: Route) -> None:
        status, body = answers.pop(0)
        await route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    # No machine changes its libraries for a test; what the service says of one that did is proved there.
    await console.route("**/api/reports/*:reproduce", answer)
    await card.get_by_role("button", name="Make it again").click()
    await expect(card).to_contain_text("Waiting for its turn")
    await expect(card.get_by_role("heading", name="It looks different")).to_be_visible()
    await expect(card).to_contain_text("1 of 9 pages looks different")
    await expect(card.locator("del")).to_have_text("1.50")
    await expect(card.locator("ins")).to_have_text("1.54")
    await expect(card.get_by_role("listitem")).to_contain_text("25 % of its pixels")
    if AXE.is_file():
        assert await accessibility_violations(console) == []

    answers.append((400, {"error": {"status": "FAILED_PRECONDITION", "message": "The inputs were removed."}}))
    await card.get_by_role("button", name="Make it once more").click()
    await expect(card.get_by_role("alert")).to_contain_text("The inputs were removed.")


async def test_a_viewer_is_told_who_may(console: Page, chromium: Browser, stack: Stack) -> None:
    await reproduction(console, stack, "not-again")
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(stack.login_url("viewer"))
    await page.goto(console.url)
    card = page.get_by_role("region", name="Reproduction")
    await expect(card).to_contain_text("needs the operator or auditor role")
    await expect(card.get_by_role("button")).to_have_count(0)
    await context.close()
