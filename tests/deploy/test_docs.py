"""The pages in docs/ say what is so: every setting as it is read, every file where it stands."""

import re
from pathlib import Path

import pytest

from tests.deploy.manifests import MIGRATIONS, PROCESSES
from tests.deploy.settings_table import PAGE, tables, written

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]


def test_the_page_lists_every_setting_as_it_is():
    assert written() == tables(), "run `.venv/bin/python -m tests.deploy.settings_table`"


def test_every_setting_has_a_sentence():
    for process, settings in (PROCESSES | MIGRATIONS).items():
        for name, field in settings.model_fields.items():
            assert field.description, f"{name} of {process}"
            assert field.description.endswith("."), f"{name} of {process}"


def test_operations_names_what_the_cluster_must_bring():
    page = PAGE.read_text()
    for name in (
        "issuers",
        "lead-database",
        "lead-database-owner",
        "lead-log",
        "lineage-log",
        "leadfactory/database",
    ):
        assert f"`{name}`" in page


def test_operations_lists_every_metric_and_no_other():
    sources = [
        file.read_text()
        for room in ("services", "lead_service", "report_service", "lineage_service", "gateway")
        for file in (ROOT / room).rglob("*.py")
        if "node_modules" not in file.parts
    ]
    made = {
        name
        for source in sources
        for name in re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"([a-z_]+)"', source)
    }
    listed = PAGE.read_text().partition("## Metrics")[2].partition("## ")[0]
    assert set(re.findall(r"`([a-z_]+_[a-z_]+)`", listed)) == made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_folder_that_a_page_names_exists(page):
    text = page.read_text()
    rooms = {each.name for each in ROOT.iterdir()}
    named = {
        path.rstrip("/")
        for path in re.findall(r"`([\w.-]+/[\w./-]*)`", text)
        if path.partition("/")[0] in rooms - {"build"}
    }
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
