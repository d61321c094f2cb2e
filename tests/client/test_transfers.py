"""`leadfactory leads import | export`: files on their way in and out, and what is kept if it is cut short."""

import hashlib
from pathlib import Path

import pytest
from google.api.httpbody_pb2 import HttpBody

from protos.leadfactory.lead.v1.lead_pb2 import Lead
from protos.leadfactory.lead.v1.transfers_pb2 import ImportLeadsRequest, LeadImport
from services.errors import FailedPrecondition, InvalidArgument
from tests.client.conftest import Stage

ID = "01999a1f-0000-7000-8000-00000000000a"
DONE = LeadImport(id=ID, state=LeadImport.COMPLETED, rows=3, created=2, refused=1)


@pytest.fixture
def leads_csv(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    path.write_text("E-Mail\n" + "someone@example.org\n" * 10_000)
    return path


def test_a_file_is_sent_in_pieces_that_end_with_a_word(stage: Stage, leads_csv: Path):
    ran, (call,) = stage.answer(
        "leads", "import", "leads.csv", "--column", "email=E-Mail", "--update-names", "--look-up",
        LeadTransferService_ImportLeads=DONE,
    )  # fmt: skip
    head, *pieces, last = call.requests
    assert (dict(head.columns), head.existing) == ({"email": "E-Mail"}, ImportLeadsRequest.UPDATE)
    assert (head.enrich, head.dry_run, head.filename) == (True, False, "leads.csv")
    assert b"".join(each.content.data for each in pieces) == leads_csv.read_bytes()
    assert all(len(each.content.data) <= 64 * 1024 for each in pieces)
    assert (last.is_last, last.content.data) == (True, b"")
    assert [line.split() for line in ran.out.splitlines()][1:4] == [
        ["rows", "3"],
        ["created", "2"],
        ["updated", "0"],
    ]
    assert ran.err == "To see which rows were refused and why, import again with --dry-run --refused FILE.\n"


def test_refused_rows_are_written_on_request(stage: Stage, leads_csv: Path, tmp_path: Path):
    ran, (_, refusals) = stage.answer(
        "leads", "import", "leads.csv", "--dry-run", "--refused", "refused.csv", "--json",
        LeadTransferService_ImportLeads=DONE,
        LeadTransferService_ListLeadImportErrors=HttpBody(data=b"row,column,value,reason\n"),
    )  # fmt: skip
    assert refusals.request.import_id == ID
    assert (tmp_path / "refused.csv").read_text() == "row,column,value,reason\n"
    assert (ran.document["refused"], ran.document["state"]) == (1, "COMPLETED")
    assert ran.err == ""


def test_a_file_that_broke_off_is_told_how_to_go_on(stage: Stage, leads_csv: Path):
    error = FailedPrecondition("The file broke off.", metadata={"import": ID})
    ran, (call,) = stage.answer("leads", "import", "leads.csv", LeadTransferService_ImportLeads=error)
    assert ran.status == 1
    assert f"--request-id {call.requests[0].request_id}" in ran.err
    assert ran.err.splitlines()[-1] == "error: The file broke off."


def test_a_missing_column_is_told_as_it_is_typed(stage: Stage, leads_csv: Path):
    error = InvalidArgument("content", "row 1: has no column of addresses. Name one with columns[email].")
    ran, _ = stage.answer("leads", "import", "leads.csv", LeadTransferService_ImportLeads=error)
    assert ran.err == (
        "error: content: row 1: has no column of addresses. Name one with --column email=HEADER.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nofile.csv"], 1, "nofile.csv: No such file"),
        (["leads.csv", "--column", "nome=Firma"], 2, "FIELD is email, domain or name"),
        ([], 2, "Missing argument 'FILE'"),
    ],
)
def test_a_wrong_import_is_one_line(
    stage: Stage, leads_csv: Path, arguments: list[str], status: int, said: str
):
    ran = stage.run("leads", "import", *arguments)
    assert ran.status == status
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_an_export_goes_to_standard_output_as_it_comes(stage: Stage):
    stage.start("leads", "export", "--look-up", "completed", "--deleted")
    call = stage.take("LeadTransferService.ExportLeads")
    assert (call.request.format, call.request.enrichment_status) == ("csv", Lead.COMPLETED)
    assert call.request.show_deleted
    call.reply(HttpBody(data=b"id,email\n"), HttpBody(data="1,ä@example.org\n".encode()))
    ran = stage.end()
    assert (ran.status, ran.out, ran.err) == (0, "id,email\n1,ä@example.org\n", "")


def test_an_export_as_json_is_json_a_line(stage: Stage):
    body = HttpBody(data=b'{"id":"1"}\n{"id":"2"}\n')
    ran, (call,) = stage.answer("leads", "export", "--json", LeadTransferService_ExportLeads=body)
    assert call.request.format == "ndjson"
    assert ran.lines == [{"id": "1"}, {"id": "2"}]


def test_an_export_to_a_file_says_what_was_written(stage: Stage, tmp_path: Path):
    ran, _ = stage.answer(
        "leads", "export", "-o", "out.csv", "--json", LeadTransferService_ExportLeads=HttpBody(data=b"id\n")
    )
    assert (tmp_path / "out.csv").read_bytes() == b"id\n"
    assert ran.document == {"path": "out.csv", "size_bytes": 3, "sha256": hashlib.sha256(b"id\n").hexdigest()}


def test_an_export_that_breaks_off_leaves_the_file_that_was_there(stage: Stage, tmp_path: Path):
    (tmp_path / "out.csv").write_text("before")
    stage.start("leads", "export", "-o", "out.csv")
    call = stage.take("LeadTransferService.ExportLeads")
    call.reply(HttpBody(data=b"id\n"), error=FailedPrecondition("No more."))
    assert stage.end().status == 1
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "before"


def test_csv_is_no_json(stage: Stage):
    ran = stage.run("leads", "export", "--json", "--format", "csv")
    assert ran.status == 2
    assert ran.out == ""
