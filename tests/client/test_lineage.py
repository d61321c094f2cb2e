"""`leadfactory lineage`: records, logs and raw inputs, whole and checked."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from google.api.httpbody_pb2 import HttpBody

from protos.leadfactory.lineage.v1.lineage_pb2 import Lineage, LineageDiff, LookupPdfResponse
from services.errors import NotFound, PermissionDenied, Unauthenticated
from tests.client.conftest import Stage

REPORT = "01999a1f-0000-7000-8000-000000000002"
OTHER = "01999a1f-0000-7000-8000-000000000003"
ID = "01999a1f-0000-7000-8000-00000000000b"
INPUTS = json.dumps({"lead": "a" * 100_000, "title": "\x1b[31m"}).encode()
RECORD = Lineage(
    lineage_id=ID,
    report_generation_id=REPORT,
    inputs_sha256=hashlib.sha256(INPUTS).hexdigest(),
    access_count=2,
)
# Two parts are two gzip members, cut anywhere on their way.
STORED = gzip.compress(INPUTS[:1000]) + gzip.compress(INPUTS[1000:])


def test_a_lineage_is_shown_in_both_forms(stage: Stage):
    ran, (call,) = stage.answer("lineage", "show", REPORT, LineageService_GetLineageByReport=RECORD)
    assert call.request.report_id == REPORT
    assert RECORD.inputs_sha256 in ran.out


def test_a_lineage_as_json_is_the_record(stage: Stage):
    ran, _ = stage.answer("lineage", "show", REPORT, "--json", LineageService_GetLineageByReport=RECORD)
    assert (ran.document["lineage_id"], ran.document["access_count"]) == (ID, 2)


def test_a_report_without_lineage_ends_with_one(stage: Stage):
    ran, _ = stage.answer(
        "lineage", "show", REPORT, LineageService_GetLineageByReport=NotFound("lineage of report", REPORT)
    )
    assert (ran.status, ran.out) == (1, "")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_log_is_a_line_an_event(stage: Stage, form: list[str]):
    log = b'{"time": "2026-11-21T12:00:00Z", "event": "run.started", "attempt": 1}\nnot json\n'
    stage.start("lineage", "logs", REPORT, *form)
    stage.take("LineageService.GetLineageByReport").reply(RECORD)
    call = stage.take("LineageService.GetLineageLogs")
    assert call.request.lineage_id == ID
    packed = gzip.compress(log)
    call.reply(HttpBody(data=packed[:10]), HttpBody(data=packed[10:]))
    ran = stage.end()
    if form:
        assert ran.lines[0] == {"time": "2026-11-21T12:00:00Z", "event": "run.started", "attempt": 1}
        assert ran.lines[1] == {"event": "not json"}
    else:
        assert ran.out.splitlines()[0].split() == ["2026-11-21T12:00:00Z", "run.started", "attempt=1"]


def inputs(stage: Stage, *arguments: str, stored: bytes = STORED):
    stage.start("lineage", "inputs", REPORT, *arguments)
    stage.take("LineageService.GetLineageByReport").reply(RECORD)
    stage.take("LineageService.DownloadRawInputs").reply(
        *(HttpBody(data=stored[start : start + 97]) for start in range(0, len(stored), 97))
    )
    return stage.end()


def test_raw_inputs_as_json_are_the_bytes_that_were_kept(stage: Stage):
    assert inputs(stage, "--json").out.encode() == INPUTS + b"\n"


def test_raw_inputs_for_people_are_indented_and_command_no_terminal(stage: Stage):
    ran = inputs(stage)
    assert ran.out.startswith('{\n  "lead"')
    assert "\x1b" not in ran.out


def test_raw_inputs_in_a_file_are_the_bytes_that_were_kept(stage: Stage, tmp_path: Path):
    ran = inputs(stage, "-o", "inputs.json", "--json")
    assert (tmp_path / "inputs.json").read_bytes() == INPUTS
    assert ran.document["inputs_sha256"] == RECORD.inputs_sha256


@pytest.mark.parametrize("stored", [gzip.compress(b"{}"), b"not gzip"], ids=["others", "no gzip"])
def test_raw_inputs_that_are_others_are_not_kept(stage: Stage, tmp_path: Path, stored: bytes):
    ran = inputs(stage, "-o", "inputs.json", stored=stored)
    assert ran.status == 1
    assert ran.err.startswith("error: What arrived")
    assert list(tmp_path.iterdir()) == []


def test_a_known_pdf_is_genuine_by_its_digest_alone(stage: Stage, tmp_path: Path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    answer = LookupPdfResponse(
        verdict=LookupPdfResponse.GENUINE, evidence=LookupPdfResponse.SHA256, lineage=RECORD
    )
    ran, (call,) = stage.answer("lineage", "lookup", "a.pdf", "--json", LineageService_LookupPdf=answer)
    assert call.request.sha256 == hashlib.sha256(b"%PDF").hexdigest()
    assert (ran.status, ran.document["verdict"], ran.document["lineage"]["lineage_id"]) == (0, "GENUINE", ID)


@pytest.mark.parametrize("verdict", [LookupPdfResponse.ALTERED, LookupPdfResponse.UNKNOWN])
def test_an_unknown_digest_has_the_file_sent_and_ends_with_one(
    stage: Stage, tmp_path: Path, verdict: LookupPdfResponse.Verdict.ValueType
):
    content = b"%PDF" + bytes(600_000)
    (tmp_path / "a.pdf").write_bytes(content)
    stage.start("lineage", "lookup", "a.pdf")
    stage.take("LineageService.LookupPdf").reply(LookupPdfResponse(verdict=LookupPdfResponse.UNKNOWN))
    call = stage.take("LineageService.LookupPdf")
    assert b"".join(each.pdf.data for each in call.requests) == content
    call.reply(LookupPdfResponse(verdict=verdict, lineage=RECORD))
    ran = stage.end()
    assert ran.status == 1
    assert ran.out.split()[:2] == ["verdict", LookupPdfResponse.Verdict.Name(verdict)]


def test_a_digest_alone_is_all_that_leaves_on_request(stage: Stage, tmp_path: Path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    answer = LookupPdfResponse(verdict=LookupPdfResponse.UNKNOWN, sha256="0" * 64)
    ran, calls = stage.answer("lineage", "lookup", "a.pdf", "--digest-only", LineageService_LookupPdf=answer)
    assert (len(calls), ran.status) == (1, 1)


def test_a_file_that_there_is_not_is_one_line(stage: Stage):
    ran = stage.run("lineage", "lookup", "none.pdf")
    assert (ran.status, ran.err) == (1, "error: none.pdf: No such file or directory\n")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_diff_names_what_changed_and_is_no_failure(stage: Stage, form: list[str]):
    change = LineageDiff.Change(kind=LineageDiff.Change.CHANGED, path="$.lead.name", a='"A"', b='"B"')
    answer = LineageDiff(changes=[change], changes_total=1, template_identical=True)
    ran, (call,) = stage.answer("lineage", "diff", REPORT, OTHER, *form, LineageService_DiffLineage=answer)
    assert (call.request.a, call.request.b, ran.status) == (REPORT, OTHER, 0)
    if form:
        assert ran.document["changes"] == [{"kind": "CHANGED", "path": "$.lead.name", "a": '"A"', "b": '"B"'}]
    else:
        assert ran.out.splitlines()[0].split() == ["inputs", "different"]
        assert ran.out.splitlines()[-1].split() == ["CHANGED", "$.lead.name", '"A"', '"B"']


def test_whoever_may_not_is_told_why(stage: Stage):
    error = PermissionDenied("The role operator or auditor is needed.")
    ran, _ = stage.answer("lineage", "diff", REPORT, OTHER, LineageService_DiffLineage=error)
    assert (ran.status, ran.err) == (1, "error: The role operator or auditor is needed.\n")


def test_whoever_is_not_known_is_told_to_log_in(stage: Stage):
    error = Unauthenticated("The token is not valid: it has expired. Get a new one.")
    ran, _ = stage.answer("lineage", "show", REPORT, LineageService_GetLineageByReport=error)
    assert ran.err.endswith("it has expired. Get a new one. Run `leadfactory login`.\n")


@pytest.mark.parametrize(
    "arguments", [["show"], ["show", "x"], ["diff", REPORT], ["logs", "1"], ["inputs", "-o"], ["nonsense"]]
)
def test_wrong_usage_is_one_line(stage: Stage, arguments: list[str]):
    ran = stage.run("lineage", *arguments)
    assert (ran.status, ran.out, len(ran.err.splitlines())) == (2, "", 1)
