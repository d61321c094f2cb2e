"""Promise: in a browser, a CSV file becomes leads, its mistakes a file to mend, and it can be undone."""

import csv
import io
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.accessibility import AXE, accessibility_violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    path = tmp_path / "prospects.csv"
    path.write_text(
        "Firm;Contact address;Second mail;Web\r\n"
        "Ada Ltd;ada@imported.example;;https://www.imported.example/\r\n"
        "Bob Inc;bob@imported.example;;\r\n"
        ";nobody;;\r\n"
        "Again;BOB@imported.example;;\r\n"
    )
    return path


async def test_a_file_becomes_leads_and_is_taken_back(console: Page, leads: Path) -> None:
    await console.get_by_role("button", name="Import", exact=True).click()
    dialog = console.get_by_role("dialog", name="Import leads")
    await dialog.get_by_label("CSV file").set_input_files(leads)
    await expect(dialog.get_by_role("combobox", name="Domain")).to_have_value("Web")
    # A column that is called otherwise than anybody could guess is chosen by hand.
    await expect(dialog.get_by_role("button", name="Check the file")).to_be_disabled()
    await dialog.get_by_role("combobox", name="E-mail").select_option("Contact address")
    await dialog.get_by_role("combobox", name="Name", exact=True).select_option("Firm")
    await dialog.get_by_role("button", name="Check the file").click()
    trial = dialog.get_by_role("region", name="Trial run")
    await expect(trial).to_contain_text("4 rows were read. Nothing is written yet.")
    async with console.expect_download() as download:
        await trial.get_by_role("link", name="2 rows passed over").click()
    saved = Path(await (await download.value).path()).read_text()
    errors = list(csv.reader(io.StringIO(saved, newline="")))
    assert [row[:3] for row in errors[1:]] == [
        ["4", "Contact address", "nobody"],
        ["5", "Contact address", "BOB@imported.example"],
    ]
    await dialog.get_by_role("button", name="Import 2 leads").click()
    await expect(dialog).to_contain_text("4 rows of prospects.csv were imported.")
    await dialog.get_by_role("link", name="Show the new leads").click()
    await expect(dialog).to_have_count(0)
    await expect(console.get_by_role("region", name="2 leads")).to_contain_text("Ada Ltd")
    assert "import_id=" in console.url
    async with console.expect_download() as download:
        await console.get_by_role("link", name="Export").click()
    exported = csv.DictReader(io.StringIO(Path(await (await download.value).path()).read_text(), newline=""))
    assert {row["email"] for row in exported} == {"ada@imported.example", "bob@imported.example"}

    await console.get_by_role("link", name="Imports").click()
    imports = console.get_by_role("row").filter(has_text="prospects.csv").filter(has_not_text="trial run")
    row = imports.filter(has_text="Completed")
    await row.get_by_role("button", name="Undo").click()
    await row.get_by_role("button", name="Press again to undo").click()
    undone = imports.filter(has_text="Undone")
    await expect(undone).to_be_visible()
    await undone.get_by_role("link", name="prospects.csv").click()
    await expect(console.get_by_role("main")).to_contain_text("No lead matches")


async def test_a_file_can_be_imported_by_keyboard_alone(console: Page, leads: Path) -> None:
    button = console.get_by_role("button", name="Import", exact=True)
    await button.focus()
    await console.keyboard.press("Enter")
    dialog = console.get_by_role("dialog", name="Import leads")
    await expect(dialog).to_be_visible()
    await console.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(button).to_be_focused()
    await console.keyboard.press("Enter")
    await dialog.get_by_label("CSV file").set_input_files(leads)
    await dialog.get_by_role("combobox", name="E-mail").focus()
    await console.keyboard.type("Contact")
    check = dialog.get_by_role("button", name="Check the file")
    await expect(check).to_be_enabled()
    await check.focus()
    await console.keyboard.press("Enter")
    await expect(dialog.get_by_role("region", name="Trial run")).to_be_visible()


async def test_what_is_wrong_with_a_file_is_said_in_the_dialog(console: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_bytes("email\nada@a.example\n".encode("utf-16"))
    await console.get_by_role("button", name="Import", exact=True).click()
    dialog = console.get_by_role("dialog", name="Import leads")
    await dialog.get_by_label("CSV file").set_input_files(broken)
    await expect(dialog.get_by_role("alert")).to_contain_text("Save the file as CSV in UTF-8")
    await expect(dialog.get_by_role("button", name="Check the file")).to_be_disabled()
    open_quote = tmp_path / "open.csv"
    open_quote.write_text('email\nada@a.example\n"open\n')
    await dialog.get_by_label("CSV file").set_input_files(open_quote)
    await dialog.get_by_role("button", name="Check the file").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("row 3")


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: run `npm ci` in gateway/console")
async def test_importing_has_no_serious_accessibility_violation(console: Page, leads: Path) -> None:
    await console.get_by_role("button", name="Import", exact=True).click()
    dialog = console.get_by_role("dialog", name="Import leads")
    await expect(dialog).to_be_visible()
    assert await accessibility_violations(console) == []
    await dialog.get_by_label("CSV file").set_input_files(leads)
    await dialog.get_by_role("combobox", name="E-mail").select_option("Contact address")
    await dialog.get_by_role("button", name="Check the file").click()
    await expect(dialog.get_by_role("region", name="Trial run")).to_be_visible()
    assert await accessibility_violations(console) == []
    await dialog.get_by_role("button", name="Close").click()
    await console.get_by_role("link", name="Imports").click()
    await expect(console.get_by_role("row").nth(1)).to_be_visible()
    assert await accessibility_violations(console) == []
