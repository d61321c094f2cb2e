"""Promise: in a browser, many leads become reports at once, each with its own outcome, in one file."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_live import call
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def add_leads(page: Page, *emails: str) -> None:
    """Add leads of one origin, so that a filter finds them alone."""
    for email in emails:
        await call(page, "POST", "/api/leads", {"email": email})


async def test_a_filter_becomes_a_batch_and_the_batch_a_zip(console: Page, stack: Stack) -> None:
    emails = [f"{name}@batched.{stack.domain}" for name in ("ada", "bob", "eve")]
    await add_leads(console, *emails)
    await console.get_by_role("combobox", name="Origin").select_option("Imported")
    for email in emails:
        await console.get_by_role("checkbox", name=f"Select {email}").check()
    # What is selected goes before what is filtered; without a selection it is the filter.
    await expect(console.get_by_role("button", name="Report on 3 leads…")).to_be_visible()
    await console.get_by_role("checkbox", name=f"Select {emails[0]}").uncheck()
    await console.get_by_role("button", name="Report on 2 leads…").click()
    dialog = console.get_by_role("dialog", name="Report on 2 leads")
    await dialog.get_by_role("combobox", name="Language").select_option("German")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await dialog.get_by_role("button", name="Start the batch").click()

    await expect(console.get_by_role("heading", level=1)).to_have_text("Batch of 2 reports")
    progress = console.get_by_role("region", name="Progress")
    await expect(progress).to_contain_text("100 %")  # without a reload
    await expect(progress.get_by_role("img", name="2 completed, of 2")).to_be_visible()
    reports = console.get_by_role("region", name="Reports", exact=True)
    for email in emails[1:]:
        row = reports.get_by_role("row").filter(has_text=email)
        await expect(row).to_contain_text("Completed")
        await expect(row.get_by_role("link", name="Download the PDF")).to_be_visible()
    await expect(console.get_by_role("region", name="Batch", exact=True)).to_contain_text("German")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    async with console.expect_download() as download:
        await console.get_by_role("link", name="Download ZIP").click()
    packed = Path(await (await download.value).path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        told = json.loads(archive.read("manifest.json"))["reports"]
        assert [archive.read(each["file"])[:5] for each in told] == [b"%PDF-"] * 2

    await console.get_by_role("link", name="Batches").first.click()
    batches = console.get_by_role("region", name="All batches")
    await expect(batches.get_by_role("row").nth(1)).to_contain_text("2 of 2")
    if AXE.is_file():
        assert await accessibility_violations(console) == []


async def test_all_that_a_filter_finds_is_reported_on(console: Page, stack: Stack) -> None:
    await add_leads(console, f"filtered@batched.{stack.domain}")
    asked: list[object] = []

    async def answered(route) -> None:  # type: ignore[no-untyped-def]  # Playwright's Route
        asked.append(route.request.post_data_json)
        full = {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "Too many reports of batches would wait.",
        }
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "60s"}
        await route.fulfill(status=429, json={"error": {**full, "details": [retry]}})

    await console.route("**/api/reports:batch", answered)
    await console.get_by_role("combobox", name="Origin").select_option("Imported")
    await (
        console.get_by_role("button", name="Report on all")
        .or_(console.get_by_role("button", name="Report on 1 lead…"))
        .click()
    )
    await console.get_by_role("button", name="Start the batch").click()
    alert = console.get_by_role("dialog").get_by_role("alert")
    await expect(alert).to_contain_text("Too many reports of batches would wait.")
    await expect(alert).to_contain_text("There should be room again at")
    (body,) = asked
    assert isinstance(body, dict)
    assert body["filter"] == {"is_manual": False}
    assert "lead_ids" not in body


async def test_a_batch_is_cancelled_and_what_was_cancelled_is_retried(console: Page, stack: Stack) -> None:
    emails = [f"{number}@cancelled.{stack.domain}" for number in range(12)]
    await add_leads(console, *emails)
    leads = [await call(console, "GET", f"/api/leads?q={email}") for email in emails]
    ids = [each["leads"][0]["id"] for each in leads]  # type: ignore[index]
    batch = await call(console, "POST", "/api/reports:batch", {"lead_ids": ids})
    origin = "/".join(console.url.split("/")[:3])
    await console.goto(f"{origin}/batches/{batch['id']}")
    await console.get_by_role("button", name="Cancel the rest").click()
    await console.get_by_role("button", name="Press again to cancel the rest").click()
    await expect(console.get_by_role("region", name="Progress")).to_contain_text("100 %")
    await expect(console.get_by_role("link", name="Download ZIP")).to_be_visible()
    await console.get_by_role("combobox", name="Status").select_option("Cancelled")
    reports = console.get_by_role("region", name="Reports", exact=True)
    await reports.get_by_role("row").nth(1).get_by_role("link").first.click()
    before = console.url
    await console.get_by_role("button", name="Retry").click()
    await console.wait_for_url(lambda url: url != before and "/reports/" in url)
    await expect(console.get_by_title("The report as PDF")).to_be_visible()
    await console.get_by_role("link", name="The one that did not succeed").click()
    await expect(console.get_by_role("region", name="Document")).to_contain_text("Cancelled")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
