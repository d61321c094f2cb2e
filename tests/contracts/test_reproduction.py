"""Promise: a report is made again from what lineage keeps, and whatever is not as it was has a name."""

import asyncio
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pikepdf
import pytest

from report_service.assurance.domain import Environment
from services import identity
from services.identity import Actor
from services.ids import uuid7
from tests.contracts.estate import HERE, Estate, error
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess

SCRIPTS = {"note": "你好，世界 · こんにちは · 안녕 · שלום · 🎉👩‍👩‍👧 · ≥ 1 µs"}


async def reproduced(
    estate: Estate, report_id: str, role: str = "operator", subject: str = "ada"
) -> dict[str, Any]:
    """Make a report again; ask once more if the machine is too busy for now."""
    reply = await estate.call("POST", f"/api/reports/{report_id}:reproduce", {}, role, subject)
    if reply.status_code in (429, 503, 504):
        await asyncio.sleep(1)
        return await reproduced(estate, report_id, role, subject)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def refused(estate: Estate, report_id: str, subject: str = "ada") -> dict[str, Any]:
    path = f"/api/reports/{report_id}:reproduce"
    return error(await estate.call("POST", path, {}, subject=subject))


def kinds(found: dict[str, Any]) -> list[str]:
    return [each["kind"] for each in found["differences"]]


async def test_a_report_in_many_scripts_is_the_same_again_eight_at_a_time(estate: Estate) -> None:
    report_id = await estate.made(template_version="2.0.0", assessment_data=SCRIPTS)
    issued = (await estate.got("GET", f"/api/reports/{report_id}"))["pdf_sha256"]
    people = [f"reader-{number}" for number in range(8)]
    for found in await asyncio.gather(*(reproduced(estate, report_id, subject=each) for each in people)):
        assert found["identical"], found
        assert found["expected_sha256"] == found["actual_sha256"] == found["stored_sha256"] == issued
        assert found["environment_matches"]
        assert found["differences"] == []


async def test_it_is_the_same_again_after_a_restart_in_another_zone_and_language(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id = await estate.made(assessment_data=SCRIPTS, locale="de", template_version="2.0.0")
    await estate.press.close()
    estate.press._pool = None  # what a restart does
    monkeypatch.setenv("TZ", "Pacific/Chatham")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert (await reproduced(estate, report_id))["identical"]


async def test_who_may_not_open_raw_inputs_reproduces_nothing_and_who_may_is_noted(estate: Estate) -> None:
    report_id = await estate.made()
    assert (await estate.call("POST", f"/api/reports/{report_id}:reproduce", {}, "viewer")).status_code == 403
    await reproduced(estate, report_id, "auditor")
    noted = await estate.sql(
        "lineage",
        "SELECT subject, action FROM lineage_accesses WHERE of_id IS NULL AND action <> 'RECORD' ORDER BY id",
    )
    assert [tuple(each) for each in noted] == [("ada", "VIEW"), ("ada", "DOWNLOAD")]


async def test_an_altered_stored_pdf_is_told_with_the_page_that_looks_different(estate: Estate) -> None:
    report_id = await estate.made(template_version="2.0.0")
    file = await estate.object_of(report_id)
    with pikepdf.open(file) as pdf:
        page = pdf.pages[2]
        drawn = pikepdf.Stream(pdf, b"q 1 0 0 rg 100 100 80 80 re f Q")
        page.contents_add(drawn)
        altered = BytesIO()
        pdf.save(altered)
    file.write_bytes(altered.getvalue())
    found = await reproduced(estate, report_id)
    assert not found["identical"]
    assert found["actual_sha256"] == found["expected_sha256"]
    assert found["stored_sha256"] == sha256(altered.getvalue()).hexdigest()
    assert kinds(found) == ["STORED_PDF", "PAGE"]
    assert found["differences"][1]["page"] == 3
    assert 0 < found["differences"][1]["share"] < 0.1
    assert found["pages_compared"] > 5


@pytest.mark.parametrize("stored", [None, b"no PDF at all", b""])
async def test_a_stored_pdf_that_is_gone_or_no_pdf_is_told_without_pages(
    estate: Estate, stored: bytes | None
) -> None:
    report_id = await estate.made()
    file = await estate.object_of(report_id)
    file.unlink() if stored is None else file.write_bytes(stored)
    found = await reproduced(estate, report_id)
    assert not found["identical"]
    assert kinds(found) == ["STORED_PDF"]
    assert found["pages_compared"] == 0


@pytest.mark.parametrize("kept", [True, False])
async def test_a_part_of_the_environment_that_has_changed_is_named_if_the_parts_were_kept(
    report_database: TestDatabase,
    lineage_database: TestDatabase,
    serve_in_process: ServeInProcess,
    issuer: Issuer,
    tmp_path: Path,
    kept: bool,
) -> None:
    then = Environment("ab" * 32, {**HERE.parts, "pango": "1.40.0", "fonts": "cd" * 32, "libpng": "1.6"})
    estate = Estate(issuer, report_database, lineage_database, tmp_path)
    async with estate.opened(serve_in_process):
        estate.workshop = replace(estate.workshop, environment_digest=then.digest)
        report_id = await estate.made()
        if kept:
            async with estate.assurances.write() as store:
                await store.remember_environment(then)
        found = await reproduced(estate, report_id)
    assert found["identical"]
    assert not found["environment_matches"]
    assert (found["expected_environment_digest"], found["actual_environment_digest"]) == (
        then.digest,
        HERE.digest,
    )
    told = {each["name"]: (each["expected"], each["actual"]) for each in found["differences"]}
    if kept:
        assert told == {
            "pango": ("1.40.0", HERE.parts["pango"]),
            "fonts": ("cd" * 32, HERE.parts["fonts"]),
            "libpng": ("1.6", ""),
        }
    else:
        assert told == {"environment": ("not recorded", HERE.digest)}


async def test_a_template_that_is_another_bundle_now_is_named_with_what_it_changes(estate: Estate) -> None:
    report_id = await estate.made()
    await estate.sql(
        "report", "UPDATE reports SET template_version_id = 'website_audit@2.0.0' WHERE id = $1", report_id
    )
    found = await reproduced(estate, report_id)
    assert not found["identical"]
    assert kinds(found)[:2] == ["TEMPLATE", "PDF"]
    assert "PAGE" in kinds(found)
    assert found["environment_matches"]


async def test_a_report_that_names_another_pdf_than_its_lineage_is_told(estate: Estate) -> None:
    report_id = await estate.made()
    await estate.sql("report", "UPDATE reports SET pdf_sha256 = $2 WHERE id = $1", report_id, "ab" * 32)
    found = await reproduced(estate, report_id)
    assert kinds(found) == ["RECORD", "STORED_PDF", "PDF"]


async def test_what_cannot_be_made_again_says_why(estate: Estate) -> None:
    queued = await estate.ordered()
    assert (await refused(estate, queued))["reason"] == "REPORT_NOT_COMPLETED"
    await estate.make(queued)
    pending = await refused(estate, queued)
    assert (pending["status"], pending["reason"]) == ("FAILED_PRECONDITION", "LINEAGE_PENDING")
    assert pending["retry"]
    bare = await estate.ordered()
    await estate.make(bare, captures=False)
    assert (await refused(estate, bare))["reason"] == "LINEAGE_DISABLED"
    assert (await refused(estate, str(uuid7())))["http"] == 404


async def test_a_template_that_is_gone_is_told(estate: Estate) -> None:
    report_id = await estate.made()
    await estate.sql("report", "UPDATE reports SET template_version_id = 'x@1.0.0' WHERE id = $1", report_id)
    assert (await refused(estate, report_id))["reason"] == "TEMPLATE_GONE"


async def test_inputs_that_were_removed_or_are_damaged_are_told(estate: Estate) -> None:
    report_id = await estate.made()
    await estate.sql("lineage", "UPDATE lineage_records SET inputs_sha256 = decode($1, 'hex')", "ab" * 32)
    damaged = await refused(estate, report_id)
    assert (damaged["status"], damaged["reason"]) == ("DATA_LOSS", "INPUTS_DAMAGED")
    lead_id = (await estate.got("GET", f"/api/reports/{report_id}"))["lead_id"]
    with identity.acting_as(Actor("grace", workload="report-worker")):
        assert await estate.worker_lineages.erase(UUID(lead_id)) == 1
    removed = await refused(estate, report_id)
    assert (removed["status"], removed["reason"]) == ("FAILED_PRECONDITION", "INPUTS_REMOVED")


async def test_no_more_wait_than_there_is_room_for_and_the_others_are_told_when_to_come_back(
    estate: Estate,
) -> None:
    report_id = await estate.made()
    estate.press._waiting = 1
    async with estate.press.turn():
        first = asyncio.create_task(reproduced(estate, report_id))
        await asyncio.sleep(0.5)
        refusal = await refused(estate, report_id, "grace")
        assert (refusal["http"], refusal["reason"]) == (429, "REPRODUCTIONS_BUSY")
        assert refusal["retry"]
    assert (await first)["identical"]


async def test_a_turn_that_does_not_come_in_time_is_given_up(estate: Estate) -> None:
    report_id = await estate.made()
    estate.press._patience = 0.05
    async with estate.press.turn():
        assert (await refused(estate, report_id))["reason"] == "REPRODUCTIONS_BUSY"
    estate.press._patience = 12
    assert (await reproduced(estate, report_id))["identical"]


async def test_one_that_takes_long_goes_on_and_is_fetched_by_the_next_call(estate: Estate) -> None:
    report_id = await estate.made()
    estate.runs._patience = 0.01
    running = await refused(estate, report_id)
    assert (running["http"], running["reason"]) == (503, "REPRODUCTION_RUNNING")
    assert running["retry"]
    assert (await reproduced(estate, report_id))["identical"]
    noted = await estate.sql(
        "lineage", "SELECT action FROM lineage_accesses WHERE of_id IS NULL AND action <> 'RECORD'"
    )
    assert sorted(each["action"] for each in noted) == ["DOWNLOAD", "VIEW"]
    assert estate.runs._running == {}
