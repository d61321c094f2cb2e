"""Promise: in a browser, a PDF says whether it was issued here, is unchanged, and where it came from."""

import hashlib
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_journey import make_report
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def test_a_pdf_leads_to_its_report_unless_it_is_not_ours(
    console: Page, stack: Stack, tmp_path: Path
) -> None:
    email = f"lookup@{stack.domain}"
    await make_report(console, email)
    report = console.url
    issued = await console.request.get(f"{report.replace('/reports/', '/api/reports/')}/pdf")
    pdf = await issued.body()
    genuine, altered, foreign, other = (tmp_path / name for name in ("a.pdf", "b.pdf", "c.pdf", "d.pdf"))
    genuine.write_bytes(pdf)
    altered.write_bytes(pdf + b"\n% changed\n")
    foreign.write_bytes(b"%PDF-1.7\n% nothing of ours\n%%EOF\n")
    other.write_bytes(b"PK, not a PDF")

    await console.get_by_role("link", name="Look-up").click()
    field = console.get_by_label("Drop a PDF here")
    verdict = console.get_by_role("region", name="Verdict")
    sent: list[str] = []
    console.on("request", lambda each: sent.append(each.url) if "lineage:lookup" in each.url else None)
    await field.set_input_files(genuine)
    await expect(verdict.get_by_role("heading")).to_have_text("Genuine")
    await expect(verdict).to_contain_text(hashlib.sha256(pdf).hexdigest())
    await expect(verdict.get_by_role("link", name=email)).to_be_visible()
    # Its digest was enough.
    assert len(sent) == 1
    assert "sha256=" in sent[0]
    if AXE.is_file():
        assert await accessibility_violations(console) == []

    await field.set_input_files(altered)
    await expect(verdict.get_by_role("heading")).to_have_text("Altered")
    await expect(verdict).to_contain_text(hashlib.sha256(pdf).hexdigest())
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await verdict.get_by_role("link", name="Open the report").click()
    await expect(console.get_by_role("region", name="Lineage")).to_contain_text("Pipeline run")
    assert console.url == report
    await console.go_back()

    await field.set_input_files(foreign)
    await expect(verdict.get_by_role("heading")).to_have_text("Unknown")
    await field.set_input_files(other)
    await expect(console.get_by_role("alert")).to_contain_text("not a PDF")
    await expect(verdict).to_have_count(0)


async def test_a_digest_is_looked_up_by_keyboard_and_can_be_shared(console: Page) -> None:
    await console.get_by_role("link", name="Look-up").click()
    await expect(console.get_by_role("heading", level=1)).to_have_text("Look up a PDF")
    await console.keyboard.press("/")
    await console.keyboard.type("no digest")
    await console.keyboard.press("Enter")
    await expect(console.get_by_label("Or its SHA-256")).to_have_attribute("aria-invalid", "true")
    await console.get_by_label("Or its SHA-256").fill(f"{'AB' * 32}  report.pdf")
    await console.keyboard.press("Enter")
    verdict = console.get_by_role("region", name="Verdict")
    await expect(verdict.get_by_role("heading")).to_have_text("Unknown")
    await console.goto(console.url)
    await expect(verdict).to_contain_text("ab" * 32)
    if AXE.is_file():
        assert await accessibility_violations(console) == []
