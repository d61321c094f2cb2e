"""Promise: whatever a template or an input reached can be found, and be issued again, each PDF once."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from services.ids import uuid7
from tests.contracts.estate import Estate, error

OLD = "website_audit@1.0.0"


async def reissued(estate: Estate, body: dict[str, Any] | None = None, **wanted: Any) -> dict[str, Any]:
    return await estate.got("POST", "/api/reports:batch", {"reissue": wanted, **(body or {})})


async def refused(estate: Estate, body: dict[str, Any] | None = None, **wanted: Any) -> dict[str, Any]:
    return error(await estate.call("POST", "/api/reports:batch", {"reissue": wanted, **(body or {})}))


async def reports_of(estate: Estate, batch: dict[str, Any]) -> list[dict[str, Any]]:
    listed = await estate.got("GET", f"/api/reports?batch_id={batch['id']}")
    return sorted(listed["reports"], key=lambda each: str(each["supersedes"]))


async def test_reports_of_a_template_version_are_listed_and_issued_again_each_linked_to_its_own(
    estate: Estate,
) -> None:
    lead_id = str(uuid7())
    first = await estate.completed(lead_id, assessment_data={"note": "kept"}, locale="en-GB")
    second = await estate.completed(locale="en-GB")
    await estate.completed(template_version="2.0.0")
    listed = await estate.got("GET", f"/api/reports?template_version_id={OLD}")
    assert {each["id"] for each in listed["reports"]} == {first, second}
    batch = await reissued(estate, template_version_id=OLD)
    assert (batch["size"], batch["template_version_id"], batch["locale"]) == (
        2,
        "website_audit@2.0.1",
        "en-GB",
    )
    new = await reports_of(estate, batch)
    assert [each["supersedes"] for each in new] == [first, second]
    assert (new[0]["lead_id"], new[0]["locale"], new[0]["status"]) == (lead_id, "en-GB", "QUEUED")
    assert not (await estate.got("GET", f"/api/reports/{first}")).get("superseded_by")
    await estate.make(new[0]["id"])
    await estate.deliver()
    assert (await estate.got("GET", f"/api/reports/{first}"))["superseded_by"] == new[0]["id"]
    listed = await estate.got("GET", f"/api/reports?lead_id={lead_id}")
    assert [each.get("superseded_by", "") for each in listed["reports"]] == ["", new[0]["id"]]
    lineage = await estate.got("GET", f"/api/lineage/{new[0]['id']}")
    raw = await estate.call("GET", f"/api/lineage/{lineage['lineage_id']}/download")
    inputs = json.loads(gzip.decompress(raw.content))
    assert inputs["parameters"] == {"supersedes": first}
    assert inputs["assessment_data"] == {"note": "kept"}
    assert (await estate.got("GET", f"/api/report-batches/{batch['id']}"))["completed"] == 1


async def test_what_was_issued_again_is_not_issued_again_unless_that_came_to_nothing(estate: Estate) -> None:
    old = await estate.completed()
    batch = await reissued(estate, report_ids=[old])
    assert (await refused(estate, report_ids=[old]))["reason"] == "BATCH_EMPTY"
    await estate.got("POST", f"/api/report-batches/{batch['id']}:cancel", {})
    again = await reissued(estate, report_ids=[old])
    assert again["id"] != batch["id"]


async def test_the_same_request_sent_twice_is_one_batch_and_two_at_once_share_no_report(
    estate: Estate,
) -> None:
    for _ in range(3):
        await estate.completed()
    key = {"request_id": "again"}
    first, second = [await reissued(estate, key, template_version_id=OLD) for _ in range(2)]
    assert first == second
    await estate.got("POST", f"/api/report-batches/{first['id']}:cancel", {})
    body = {"reissue": {"template_version_id": OLD}}
    calls = [estate.call("POST", "/api/reports:batch", body) for _ in range(4)]
    replies = [each.status_code for each in await asyncio.gather(*calls)]
    assert sorted(replies) == [200, 400, 400, 400]


async def test_reports_are_found_by_bundle_and_by_inputs(estate: Estate) -> None:
    first, second = await estate.completed(), await estate.completed()
    (row,) = await estate.sql("report", "SELECT template_digest FROM reports WHERE id = $1", first)
    listed = await estate.got("GET", f"/api/reports?template_digest={row['template_digest']}")
    assert {each["id"] for each in listed["reports"]} == {first, second}
    lineage = await estate.got("GET", f"/api/lineage/{first}")
    batch = await reissued(estate, inputs_sha256=lineage["inputs_sha256"])
    assert [each["supersedes"] for each in await reports_of(estate, batch)] == [first]
    batch = await reissued(estate, template_digest=row["template_digest"])
    assert [each["supersedes"] for each in await reports_of(estate, batch)] == [second]


async def test_a_template_and_a_language_may_be_named(estate: Estate) -> None:
    old = await estate.completed(locale="en-GB")
    body = {"template": "website_audit", "template_version": "1.0.0", "locale": "en"}
    (new,) = await reports_of(estate, await reissued(estate, body, report_ids=[old]))
    assert (new["template_version_id"], new["locale"]) == (OLD, "en")


async def test_reports_in_several_languages_keep_theirs(estate: Estate) -> None:
    for locale in ("en-GB", "en"):
        await estate.completed(locale=locale)
    batch = await reissued(estate, template_version_id=OLD)
    assert batch["locale"] == ""
    assert [each["locale"] for each in await reports_of(estate, batch)] == ["en-GB", "en"]


async def test_a_long_list_is_issued_by_as_many_as_a_batch_holds(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(21):
        await estate.completed(delivers=False)
    sizes = []
    while True:
        reply = await estate.call("POST", "/api/reports:batch", {"reissue": {"template_version_id": OLD}})
        if reply.status_code != 200:
            break
        sizes.append(reply.json()["size"])
    assert sizes == [20, 1]
    assert error(reply)["reason"] == "BATCH_EMPTY"


async def test_what_cannot_be_issued_again_is_refused(estate: Estate) -> None:
    queued = await estate.ordered()
    assert (await refused(estate, report_ids=[queued]))["reason"] == "BATCH_EMPTY"
    assert (await refused(estate, inputs_sha256="ab" * 32))["reason"] == "BATCH_EMPTY"
    for body in ({}, {"template_digest": "xyz"}, {"report_ids": ["7"]}):
        assert (await estate.call("POST", "/api/reports:batch", {"reissue": body})).status_code == 400, body
    both = {"reissue": {"report_ids": [queued]}, "lead_ids": [str(uuid7())]}
    assert (await estate.call("POST", "/api/reports:batch", both)).status_code == 400
    mixed = [await estate.completed(), await estate.completed()]
    await estate.sql(
        "report", "UPDATE reports SET template_version_id = 'letter@1.0.0' WHERE id = $1", mixed[0]
    )
    assert (await refused(estate, report_ids=mixed))["reason"] == "REISSUE_MIXED"
    by_viewer = await estate.call(
        "POST", "/api/reports:batch", {"reissue": {"report_ids": mixed}}, role="viewer"
    )
    assert by_viewer.status_code == 403
