"""Promise: PDFs and inputs of an erased lead go, once nothing is under way, unless held; digests stay."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from report_service.erasure import eraser
from report_service.erasure.eraser import Eraser
from report_service.erasure.repository import PostgresErasureStore
from services.database import UnitsOfWork
from services.errors import Unavailable
from services.ids import uuid7
from tests.contracts.estate import Estate, error

NOTE = {"contact": "hello@example.com", "note": "to be forgotten"}


@pytest.fixture(autouse=True)
def without_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what was put off be due at once."""
    for name in ("UNSETTLED_DELAY", "HELD_DELAY", "FAILED_DELAY"):
        monkeypatch.setattr(eraser, name, -getattr(eraser, name))


def an_eraser(estate: Estate, **neighbours: Any) -> Eraser:
    stores = UnitsOfWork(estate.database, PostgresErasureStore)
    parts = {"leads": estate.worker_leads, "lineages": estate.worker_lineages, "objects": estate.objects}
    return Eraser(stores, estate.outbox, **(parts | neighbours))


async def erased(estate: Estate, **neighbours: Any) -> int:
    found = an_eraser(estate, **neighbours)
    await found.pull()
    return await found.apply()


async def traces(estate: Estate, words: str) -> list[str]:
    """Return where a text stands in the database of reports, and in the folder of PDFs."""
    found = []
    for table in await estate.sql("report", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        name = table["tablename"]
        rows = await estate.sql(
            "report",
            f"SELECT count(*) FROM {name} t WHERE position($1 IN t::text) > 0"
            " OR position(encode($1::text::bytea, 'hex') IN t::text) > 0",
            words,
        )
        found += [name] if rows[0]["count"] else []
    return found + [str(each) for each in estate.folder.rglob("*") if each.is_file()]


async def test_pdf_inputs_and_what_the_caller_gave_go_and_digests_stay(estate: Estate) -> None:
    lead_id = str(uuid7())
    report_id = await estate.made(lead_id, assessment_data=NOTE)
    before = await estate.got("GET", f"/api/reports/{report_id}")
    assert await traces(estate, "to be forgotten")
    estate.leads.erase(lead_id)
    assert await erased(estate) == 1
    assert await traces(estate, "to be forgotten") == []
    assert await traces(estate, "example.com") == []
    after = await estate.got("GET", f"/api/reports/{report_id}")
    assert after["erased_at"]
    assert (after["pdf_sha256"], after["pdf_url"]) == (before["pdf_sha256"], "")
    gone = error(await estate.call("GET", f"/api/reports/{report_id}/pdf"))
    assert (gone["status"], gone["reason"]) == ("FAILED_PRECONDITION", "LEAD_ERASED")
    again = error(await estate.call("POST", f"/api/reports/{report_id}:reproduce", {}))
    assert again["reason"] == "LEAD_ERASED"
    lineage = await estate.got("GET", f"/api/lineage/{report_id}")
    assert lineage["pdf_sha256"] == before["pdf_sha256"]
    assert lineage["raw_inputs_expired_at"]
    pack = error(await estate.call("GET", f"/api/reports/{report_id}/evidence", role="auditor"))
    assert pack["reason"] == "LEAD_ERASED"
    looked_up = await estate.got("POST", f"/api/lineage:lookup?sha256={before['pdf_sha256']}")
    assert looked_up["verdict"] == "GENUINE"
    assert (await estate.got("GET", "/api/lineage:coverage"))["complete"]
    noted = await estate.sql("lineage", "SELECT subject FROM lineage_accesses WHERE action = 'EXPIRE'")
    assert {each["subject"] for each in noted} == {"grace"}
    assert await erased(estate) == 0


async def test_a_held_lead_is_left_whole_until_it_is_released(estate: Estate) -> None:
    lead_id = str(uuid7())
    report_id = await estate.made(lead_id)
    hold = {"lead_id": lead_id, "held": True, "reason": "a dispute"}
    await estate.got("POST", "/api/lineage:hold", hold, role="admin")
    estate.leads.erase(lead_id)
    assert await erased(estate) == 0
    assert (await estate.call("GET", f"/api/reports/{report_id}/pdf")).status_code == 200
    assert (await estate.got("POST", f"/api/reports/{report_id}:reproduce", {}))["identical"]
    await estate.got("POST", "/api/lineage:hold", hold | {"held": False}, role="admin")
    assert await erased(estate) == 1
    assert (await estate.call("GET", f"/api/reports/{report_id}/pdf")).status_code == 400


async def test_what_is_under_way_ends_and_reaches_lineage_first(estate: Estate) -> None:
    lead_id = str(uuid7())
    queued = await estate.ordered(lead_id, assessment_data=NOTE)
    undelivered = await estate.ordered(lead_id)
    await estate.make(undelivered)
    estate.leads.erase(lead_id)
    assert await erased(estate) == 0
    await estate.make(queued)  # fails, for there is no lead any more
    assert await erased(estate) == 0
    await estate.deliver()
    assert await erased(estate) == 1
    assert await traces(estate, "to be forgotten") == []
    for report_id in (queued, undelivered):
        assert (await estate.got("GET", f"/api/lineage/{report_id}"))["raw_inputs_expired_at"]


async def test_a_dead_letter_is_given_up_with_its_digests_kept(estate: Estate) -> None:
    lead_id = str(uuid7())
    report_id = await estate.ordered(lead_id, assessment_data=NOTE)
    await estate.make(report_id)
    await estate.sql("report", "UPDATE lineage_outbox SET dead_at = now(), last_error = 'no'")
    estate.leads.erase(lead_id)
    assert await erased(estate) == 1
    assert await traces(estate, "to be forgotten") == []
    report = await estate.got("GET", f"/api/reports/{report_id}")
    assert (report["lineage_status"], bool(report["erased_at"])) == ("DISCARDED", True)
    (decided,) = await estate.sql("report", "SELECT * FROM dead_letter_decisions")
    assert (decided["decided_by"], decided["pdf_sha256"]) == ("grace", report["pdf_sha256"])


class Broken:
    """A neighbour that fails the first time."""

    def __init__(self, whole: Any, method: str) -> None:
        self._whole, self._method, self.calls = whole, method, 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*arguments: Any) -> Any:
            if name == self._method:
                self.calls += 1
                if self.calls == 1:
                    raise Unavailable("Not now.")
            return await getattr(self._whole, name)(*arguments)

        return call


@pytest.mark.parametrize(("part", "method"), [("lineages", "erase"), ("objects", "remove")])
async def test_what_was_cut_short_is_done_the_next_time(estate: Estate, part: str, method: str) -> None:
    lead_id = str(uuid7())
    report_id = await estate.completed(lead_id)
    estate.leads.erase(lead_id)
    whole = {"lineages": estate.worker_lineages, "objects": estate.objects}[part]
    broken = Broken(whole, method)
    assert await erased(estate, **{part: broken}) == 0
    assert not (await estate.got("GET", f"/api/reports/{report_id}")).get("erased_at")
    assert await erased(estate, **{part: broken}) == 1
    assert await traces(estate, "example.com") == []


async def test_erasures_are_pulled_on_from_the_last_known(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eraser, "PAGE", 2)
    for _ in range(5):
        estate.leads.erase(str(uuid7()))
    found = an_eraser(estate)
    assert await found.pull() == 5
    assert await found.pull() == 0
    assert await found.apply() == 5


async def test_the_application_can_empty_a_report_for_an_erased_lead_only(estate: Estate) -> None:
    report_id = await estate.completed()
    for change in (
        "erased_at = now(), domain = '', assessment_data = NULL",
        "domain = 'other.example'",
        "assessment_data = NULL, domain = ''",
    ):
        with pytest.raises(IntegrityError):
            async with estate.database.write() as session:
                await session.execute(text(f"UPDATE reports SET {change} WHERE id = '{report_id}'"))


async def test_the_zip_of_a_batch_leaves_out_what_was_erased_and_says_so(estate: Estate) -> None:
    leads = [str(uuid7()) for _ in range(2)]
    batch = await estate.got("POST", "/api/reports:batch", {"lead_ids": leads, "template_version": "1.0.0"})
    listed = await estate.got("GET", f"/api/reports?batch_id={batch['id']}")
    for each in listed["reports"]:
        await estate.make(each["id"])
    await estate.deliver()
    estate.leads.erase(leads[0])
    assert await erased(estate) == 1
    packed = await estate.call("GET", f"/api/report-batches/{batch['id']}/zip")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        names = [each for each in archive.namelist() if each != "manifest.json"]
    assert len(names) == 1
    lines = {each["lead_id"]: each for each in manifest["reports"]}
    assert lines[leads[0]]["erased_at"]
    assert lines[leads[0]]["file"] == ""
    assert lines[leads[0]]["sha256"]
    assert lines[leads[1]]["file"] in names
