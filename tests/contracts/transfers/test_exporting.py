"""Promise: what is exported over REST is what the list shows, and comes in again as it was."""

import csv
import io
import json

import pytest

from tests.contracts.transfers.conftest import Api, counts

NASTY = [
    ("=x@a.example", "=1+1"),
    ("+y@a.example", "'=1+1"),
    ("-z@a.example", "@SUM(A1)"),
    ("'=w@a.example", "a;b,c\td"),
    ("v@a.example", 'say "hi"'),
    ("u@a.example", "＝1"),
    ("plain@a.example", "-"),
]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_what_is_exported_comes_in_again_as_it_was(api: Api, delimiter: str) -> None:
    for email, name in NASTY:
        made = await api.client.post(
            "/api/leads", json={"email": email, "name": name}, headers=api.people("ada", "operator")
        )
        assert made.status_code == 200, made.text
    before = {(each["email"], each["name"]) for each in await api.leads()}
    exported = await api.get("/api/leads:export")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"].startswith('attachment; filename="leads-')
    rows = list(csv.reader(io.StringIO(exported.text, newline="")))
    assert not any(cell[:1] in tuple("=+-@\t\r＝") for row in rows for cell in row if cell)
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    assert counts(await api.bring(written.getvalue(), "existing=UPDATE")) == [7, 0, 0, 7, 0, 0]
    for lead in await api.leads():
        await api.client.delete(f"/api/leads/{lead['id']}", headers=api.people("ada", "operator"))
    assert counts(await api.bring(written.getvalue())) == [7, 7, 0, 0, 0, 0]
    assert {(each["email"], each["name"]) for each in await api.leads()} == before


async def test_an_export_takes_the_filters_of_the_list_and_is_noted_before_it_begins(api: Api) -> None:
    done = await api.bring("email,name\nada@a.example,Ada\nbob@b.example,Bob\n")
    await api.client.post(
        "/api/leads", json={"email": "eve@a.example"}, headers=api.people("ada", "operator")
    )
    by_import = await api.get(
        f"/api/leads:export?import_id={done['id']}&format=ndjson&order_by=email desc", "v", "viewer"
    )
    assert by_import.headers["content-type"] == "application/x-ndjson"
    found = [json.loads(line) for line in by_import.text.splitlines()]
    assert [each["email"] for each in found] == ["bob@b.example", "ada@a.example"]
    listed = (await api.leads("email=ada@a.example"))[0]
    shared = {name: listed[name] for name in found[1] if name in listed}
    assert {**found[1], **shared} == found[1]
    accepted = await api.client.get(
        "/api/leads:export?domain=a.example",
        headers={**api.people("ada", "operator"), "accept": "application/x-ndjson"},
    )
    assert len(accepted.text.splitlines()) == 2
    assert (await api.get("/api/leads:export?format=xml")).status_code == 400
    assert (await api.get("/api/leads:export?order_by=colour")).status_code == 400
    noted = (await api.get("/api/leads/-/audit?action=EXPORT", "eve", "auditor")).json()["entries"]
    assert [(each["user_id"], each["reason"].partition(" ")[0]) for each in noted] == [
        ("ada", "ndjson"),
        ("v", "ndjson"),
    ]
    assert json.loads(noted[0]["reason"].partition(" ")[2]) == {"domain": "a.example"}
