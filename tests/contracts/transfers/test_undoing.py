"""Promise: an import over REST can be taken back, and is seen by those whom it concerns."""

import pytest

from tests.contracts.transfers.conftest import Api, counts


async def test_an_undo_takes_back_what_nobody_touched_since_and_lists_the_rest(api: Api) -> None:
    await api.bring("email,name\nold@a.example,Old\nolder@a.example,Older\n")
    done = await api.bring(
        "email,name\nold@a.example,New\nolder@a.example,Newer\nada@a.example,Ada\nbob@b.example,Bob\n",
        "existing=UPDATE",
    )
    assert counts(done) == [4, 2, 2, 0, 0, 0]
    (bob,) = await api.leads("email=bob@b.example")
    (older,) = await api.leads("email=older@a.example")
    for lead, change in ((bob, {"name": "Bobby"}), (older, {"is_manual": True})):
        await api.client.patch(f"/api/leads/{lead['id']}", json=change, headers=api.people("ada", "operator"))
    undone = await api.undo(done["id"])
    assert (undone["state"], undone["undone"], undone["conflicts"], undone["undone_by"]) == (
        "UNDONE",
        2,
        2,
        "ada",
    )
    assert {each["name"] for each in await api.leads()} == {"Old", "Newer", "Bobby"}
    listed = (await api.get(f"/api/leads/imports/{done['id']}/conflicts?page_size=1")).json()
    assert listed["conflicts"] == [{"row": 3, "lead_id": older["id"]}]
    token = listed["next_page_token"]
    rest = (await api.get(f"/api/leads/imports/{done['id']}/conflicts?page_size=1&page_token={token}")).json()
    assert rest == {"conflicts": [{"row": 5, "lead_id": bob["id"]}], "next_page_token": ""}
    assert await api.undo(done["id"]) == undone
    # Every single step is in the audit, and so is the whole.
    (ada,) = await api.leads("email=ada@a.example&show_deleted=true")
    entries = (await api.get(f"/api/leads/{ada['id']}/audit", "eve", "auditor")).json()["entries"]
    assert [each["action"] for each in entries] == ["DELETE", "CREATE"]
    assert entries[0]["method"].endswith("/UndoLeadImport")
    everything = (await api.get("/api/leads/-/audit", "eve", "auditor")).json()["entries"]
    assert [(each["action"], each["reason"]) for each in everything if not each["lead_id"]] == [
        ("UNDO", f"import {done['id']}"),
        ("IMPORT", f"import {done['id']}"),
        ("IMPORT", everything[-1]["reason"]),
    ]


async def test_what_an_undo_deleted_can_be_imported_again(api: Api) -> None:
    first = await api.bring("email\nada@a.example\n")
    await api.undo(first["id"])
    assert counts(await api.bring("email\nada@a.example\n")) == [1, 1, 0, 0, 0, 0]


async def test_a_dry_run_and_a_strange_import_cannot_be_undone(api: Api) -> None:
    tried = await api.bring("email\nada@a.example\n", "dry_run=true")
    path = f"/api/leads/imports/{tried['id']}:undo"
    refused = await api.client.post(path, json={}, headers=api.people("ada", "operator"))
    assert (refused.status_code, refused.json()["error"]["details"][0]["reason"]) == (400, "IMPORT_DRY_RUN")
    done = await api.bring("email\nada@a.example\n")
    path = f"/api/leads/imports/{done['id']}:undo"
    for subject, role, expected in [("bob", "operator", 403), ("bob", "auditor", 403), ("bob", "admin", 200)]:
        reply = await api.client.post(path, json={}, headers=api.people(subject, role))
        assert reply.status_code == expected, (subject, role)


@pytest.mark.parametrize("rest", ["", "/errors", "/conflicts"])
async def test_an_import_is_seen_by_its_creator_auditors_and_admins_alone(api: Api, rest: str) -> None:
    done = await api.bring("email\nada@a.example\n")
    path = f"/api/leads/imports/{done['id']}{rest}"
    for subject, role, expected in [
        ("ada", "operator", 200),
        ("bob", "operator", 403),
        ("ada", "viewer", 403),
        ("bob", "viewer", 403),
        ("bob", "auditor", 200),
        ("bob", "admin", 200),
    ]:
        assert (await api.get(path, subject, role)).status_code == expected, (subject, role)
    assert (await api.get(path.replace(done["id"], done["id"][:-4] + "0000"))).status_code == 404
    assert (await api.get("/api/leads/imports", "bob")).json()["imports"] == []
    assert len((await api.get("/api/leads/imports", "bob", "auditor")).json()["imports"]) == 1
    denied = (await api.get("/api/leads/-/audit?action=DENIED", "eve", "auditor")).json()["entries"]
    assert {each["user_id"] for each in denied} == {"ada", "bob"}


REFUSED = """email,domain,name
ada@a.example,a.example,Ada
ada@a.example,a.example,Ada twice
ADA@A.example,not a domain,Ada Byron
Ada <ada@a.example>,a.example,Countess Ada
formerly@a.example,not a domain,Ada before
grace@a.example,not a domain,Grace
nobody,a.example,Nobody
"""


@pytest.mark.parametrize("query", ["", "dry_run=true"])
async def test_who_is_erased_is_in_no_refused_row_any_more(api: Api, query: str) -> None:
    operator = api.people("ada", "operator")
    former = {"email": "formerly@a.example", "domain": "a.example"}
    lead_id = (await api.client.post("/api/leads", json=former, headers=operator)).json()["id"]
    done = await api.bring(REFUSED.replace("ada@a.example,a.example,Ada\n", ""), query)
    assert (done["created"], done["refused"]) == (1, 5)
    # The lead has the other address since, and both are its own. What the file has made of it makes way.
    for each in await api.leads("email=ada@a.example"):
        await api.client.delete(f"/api/leads/{each['id']}", headers=operator)
    changed = await api.client.patch(
        f"/api/leads/{lead_id}", json={"email": "ada@a.example"}, headers=operator
    )
    assert changed.status_code == 200, changed.text
    assert {row[0] for row in await api.errors(done["id"])} == {"3", "4", "5", "6", "7"}
    erased = await api.client.post(f"/api/leads/{lead_id}:erase", json={}, headers=api.people("eve", "admin"))
    assert erased.status_code == 200, erased.text
    assert [row[:3] for row in await api.errors(done["id"])] == [
        ["6", "domain", "not a domain"],
        ["7", "email", "nobody"],
    ]
