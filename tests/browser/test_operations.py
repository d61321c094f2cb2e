"""Promise: in a browser, lineage that cannot be delivered is redriven once mended, or given up knowingly."""

import gzip
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from playwright.async_api import Page, expect

from tests.browser.accessibility import AXE, accessibility_violations
from tests.browser.test_live import call
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)

SPOIL = """
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.inputs_sha256 := repeat('0', 64); RETURN NEW; END $$;
CREATE TRIGGER spoil BEFORE INSERT ON lineage_outbox FOR EACH ROW EXECUTE FUNCTION spoil();
"""


@asynccontextmanager
async def outbox(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.endpoints["databases"]["report"])
    yield connection
    await connection.close()


async def make_dead_letters(page: Page, stack: Stack, *emails: str) -> list[str]:
    """Make reports whose captured lineage says a wrong digest, which the lineage service refuses for good."""
    async with outbox(stack) as database:
        await database.execute(SPOIL)
        reports = []
        for email in emails:
            lead = await call(page, "POST", "/api/leads", {"email": email})
            reports.append(str((await call(page, "POST", "/api/reports", {"lead_id": lead["id"]}))["id"]))
        await page.get_by_role("link", name="Operations").click()
        letters = page.get_by_role("region", name="Dead letters")
        await expect(letters.get_by_role("row").filter(has_text="inputs_sha256")).to_have_count(len(emails))
        await database.execute("DROP TRIGGER spoil ON lineage_outbox; DROP FUNCTION spoil()")
    return reports


async def test_dead_letters_are_redriven_or_given_up(console: Page, stack: Stack) -> None:
    mended, lost = await make_dead_letters(console, stack, f"mended@{stack.domain}", f"lost@{stack.domain}")
    letters = console.get_by_role("region", name="Dead letters")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    async with outbox(stack) as database:
        inputs = await database.fetchval("SELECT raw_inputs FROM lineage_outbox WHERE report_id = $1", mended)
        digest = hashlib.sha256(gzip.decompress(inputs)).hexdigest()
        mend = "UPDATE lineage_outbox SET inputs_sha256 = $2 WHERE report_id = $1"
        await database.execute(mend, mended, digest)
    row = letters.get_by_role("row").filter(has=console.locator(f'a[href="/reports/{mended}"]'))
    await row.get_by_role("checkbox").check()
    await letters.get_by_role("button", name="Redrive 1…").click()
    dialog = console.get_by_role("dialog", name="Redrive 1 dead letter")
    await expect(dialog.get_by_role("button", name="Redrive", exact=True)).to_be_disabled()
    await dialog.get_by_label("What was mended").fill("The digest was written wrongly.")
    await dialog.get_by_role("button", name="Redrive", exact=True).click()
    await expect(dialog).to_have_count(0)
    await expect(row).to_have_count(0)

    await letters.get_by_role("button", name="Discard").click()
    dialog = console.get_by_role("dialog", name="Discard a lineage for good")
    await expect(dialog).to_contain_text("Nobody will be able to say from what its PDF was made")
    confirm = dialog.get_by_role("button", name="Discard for good")
    await dialog.get_by_label("Why this lineage may be lost").fill("It was a test.")
    await expect(confirm).to_be_disabled()
    await dialog.get_by_label("Type “discard” to confirm").fill("discard")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
    await confirm.click()
    await expect(letters).to_contain_text("Every captured lineage was delivered")
    for report, status in ((mended, "RECORDED"), (lost, "DISCARDED")):
        assert (await call(console, "GET", f"/api/reports/{report}"))["lineage_status"] == status


async def test_storage_is_a_chart_that_reads_as_a_table(console: Page, stack: Stack) -> None:
    await console.get_by_role("link", name="Operations").click()
    storage = console.get_by_role("region", name="Storage of lineage")
    await expect(storage).to_contain_text("on disk")
    await expect(storage.get_by_role("table", name="On disk")).to_contain_text("Records")
    await expect(console.get_by_role("region", name="Retention")).to_contain_text("for ever")
    coverage = console.get_by_role("region", name="Coverage")
    await coverage.get_by_role("button", name="Count now").click()
    await expect(coverage).to_contain_text("Complete")
    if AXE.is_file():
        assert await accessibility_violations(console) == []
