"""Promise: in a browser, a template is seen with a past report's inputs, compared, and published."""

import io
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from report_service.rendering.bundles import SHIPPED
from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_live import call
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# A preview waits for its turn, and for a process that may have to be started.
expect.set_options(timeout=120_000)

NEWEST = "website_audit@2.0.1"


async def check_accessibility(page: Page) -> None:
    if AXE.is_file():
        assert await accessibility_violations(page) == []


async def test_a_version_is_previewed_with_a_past_reports_inputs(console: Page, stack: Stack) -> None:
    lead = await call(console, "POST", "/api/leads/quick-add", {"email": f"previewed@{stack.domain}"})
    report = await call(console, "POST", "/api/reports", {"lead_id": lead["id"], "locale": "de"})
    origin = "/".join(console.url.split("/")[:3])
    await console.goto(f"{origin}/reports/{report['id']}")
    await expect(console.get_by_role("region", name="Lineage")).to_contain_text("Pipeline run")
    await console.get_by_role("link", name=NEWEST).click()
    await expect(console.get_by_role("heading", level=1)).to_have_text("website_audit 2.0.1")
    preview = console.get_by_role("region", name="Preview")
    await expect(preview.get_by_role("combobox", name="Inputs")).to_have_value(str(report["id"]))
    async with console.expect_response(lambda answer: ":preview" in answer.url) as made:
        await preview.get_by_role("button", name="Show the preview").click()
    answer = await made.value
    assert str(report["id"]) in answer.url
    assert answer.headers["content-type"] == "image/png"
    page = preview.get_by_role("img", name=f"Page 1 of the preview of {NEWEST}")
    await expect(page).to_be_visible()
    assert await page.evaluate("image => image.naturalWidth") == 1000
    await preview.get_by_role("button", name="Next page").click()
    await expect(preview.get_by_role("img", name="Page 2")).to_be_visible()
    await console.get_by_label("Search the strings").fill("Website audit")
    await expect(console.get_by_role("region", name="Strings", exact=True)).to_contain_text("Website audit")
    await check_accessibility(console)


async def test_two_versions_are_compared(console: Page, stack: Stack) -> None:
    await console.get_by_role("link", name="Templates").click()
    await expect(console.get_by_role("row").filter(has_text="website_audit 2.0.1")).to_contain_text(
        "Published"
    )
    await check_accessibility(console)
    await console.get_by_role("link", name="website_audit 2.0.1").click()
    await console.get_by_role("link", name="Compare").click()
    await console.get_by_role("combobox", name="To").select_option("website_audit 1.0.0")
    files = console.get_by_role("region", name="Files (")
    await expect(files).to_contain_text("strings/de.json")
    await files.get_by_text("Show the lines").first.click()
    await expect(files.get_by_role("region", name="Lines of").first).to_contain_text("@@")
    await expect(console.get_by_role("region", name="Strings (")).to_contain_text("de")
    await check_accessibility(console)


def bundle(tmp_path: Path, **changed: bytes) -> Path:
    """Pack the newest version with other files in it."""
    source = SHIPPED / "website_audit" / "2.0.1"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                name = path.relative_to(source).as_posix()
                archive.writestr(name, changed.get(name, path.read_bytes()))
    made = tmp_path / "letter-1.0.0.zip"
    made.write_bytes(packed.getvalue())
    return made


async def test_a_bundle_is_uploaded_published_and_retired(console: Page, tmp_path: Path) -> None:
    await console.get_by_role("link", name="Templates").click()
    await console.get_by_role("button", name="Upload a bundle").click()
    dialog = console.get_by_role("dialog", name="Upload a template bundle")
    broken = tmp_path / "letter-1.0.0.zip"
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("report.html.j2", "<p>")
    await dialog.get_by_label("ZIP file").set_input_files(broken)
    await expect(dialog.get_by_label("Version")).to_have_value("1.0.0")
    await dialog.get_by_role("button", name="Upload as a draft").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("strings/en.json")
    await check_accessibility(console)
    # The same file again, as who has mended it would choose it.
    async with console.expect_file_chooser() as chooser:
        await dialog.get_by_label("ZIP file").click()
    await (await chooser.value).set_files(bundle(tmp_path))
    await dialog.get_by_role("button", name="Upload as a draft").click()
    await expect(console.get_by_role("heading", level=1)).to_have_text("letter 1.0.0")
    header = console.get_by_role("main")
    await expect(header).to_contain_text("Draft")
    await console.get_by_role("button", name="Publish").click()
    await expect(console.get_by_role("button", name="Retire")).to_be_visible()
    await console.get_by_role("button", name="Retire").click()
    await console.get_by_role("button", name="Press again to retire").click()
    await expect(console.get_by_role("button", name="Press again")).to_have_count(0)
    await expect(header).to_contain_text("Retired")


async def test_a_viewer_sees_versions_and_no_button_that_would_be_refused(
    chromium: Browser, stack: Stack
) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 403 else None)
    await page.goto(stack.login_url("viewer"))
    await expect(page.get_by_role("link", name="Operations")).to_have_count(0)
    await expect(page.get_by_role("button", name="Report on")).to_have_count(0)
    await page.get_by_role("link", name="Templates").click()
    await page.get_by_role("link", name="website_audit 2.0.1").click()
    await expect(page.get_by_role("region", name="Version")).to_contain_text("English")
    await expect(page.get_by_role("main")).to_contain_text("Previews need the operator role.")
    for name in ("Publish", "Retire", "Show the preview"):
        await expect(page.get_by_role("button", name=name)).to_have_count(0)
    await expect(page.get_by_role("link", name="Bundle")).to_have_count(0)
    await page.goto(f"{stack.url}/operations")
    await expect(page.get_by_role("main")).to_contain_text("Operations need the auditor or the admin role.")
    await context.close()
    assert refused == []
