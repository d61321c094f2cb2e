"""A real Chromium in front of the real stack."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from gateway.pages import DIST
from tests.fixtures.stack import Stack

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """Yield Debian's Chromium, or skip and say what is missing; in CI nothing is skipped."""
    if CHROMIUM is None:
        missing = "no Chromium was found: install Debian's `chromium` to run the browser tests"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    assert DIST.is_dir(), "the console is not built: run `npm ci` and `npm run build` in gateway/console"
    async with async_playwright() as playwright:
        # The older headless mode, which Playwright would ask for, shows no PDF.
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, headless=False, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def console(chromium: Browser, stack: Stack) -> AsyncIterator[Page]:
    """Yield a page that opened the login link, and look at the end that nothing went wrong in it unseen."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
    refused: list[str] = []
    page.on(
        "response", lambda told: refused.append(f"{told.status} {told.url}") if told.status > 399 else None
    )
    await page.goto(stack.login_url())
    yield page
    # Shown with a failure: what a person would have seen.
    print(f"{page.url} at the end, after {refused}:", await page.locator("body").inner_text(), sep="\n")
    await context.close()
    assert complaints == []
