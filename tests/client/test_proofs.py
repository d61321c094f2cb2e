"""`leadfactory … evidence`, `lineage reproduce`: a pack that is a whole file, a PDF that is made again."""

import hashlib
from pathlib import Path

import pytest
from google.api.httpbody_pb2 import HttpBody

from protos.leadfactory.report.v1.assurance_pb2 import Reproduction
from services.errors import FailedPrecondition, PermissionDenied
from tests.client.conftest import Stage

ID = "01999a1f-0000-7000-8000-000000000002"


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize(
    ("group", "method"),
    [("lineage", "ReportService_DownloadReportEvidence"), ("leads", "LeadService_DownloadLeadEvidence")],
)
def test_evidence_is_a_file_of_its_own(
    stage: Stage, tmp_path: Path, group: str, method: str, form: list[str]
):
    ran, (call,) = stage.answer(group, "evidence", ID, *form, **{method: HttpBody(data=b"zip")})
    assert call.request.id == ID
    assert (tmp_path / f"evidence-{ID}.zip").read_bytes() == b"zip"
    assert hashlib.sha256(b"zip").hexdigest() in (ran.out if form else ran.err)


@pytest.mark.parametrize(
    ("group", "method"),
    [("lineage", "ReportService.DownloadReportEvidence"), ("leads", "LeadService.DownloadLeadEvidence")],
)
def test_evidence_that_breaks_off_leaves_no_file(stage: Stage, tmp_path: Path, group: str, method: str):
    stage.start(group, "evidence", ID)
    call = stage.take(method)
    call.reply(HttpBody(data=b"zi"), error=PermissionDenied("Not for you."))
    ran = stage.end()
    assert (ran.status, ran.err) == (1, "error: Not for you.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_report_that_comes_out_the_same_ends_with_zero(stage: Stage, form: list[str]):
    answer = Reproduction(
        report_id=ID, identical=True, environment_matches=True, expected_sha256="a", actual_sha256="a"
    )
    ran, (call,) = stage.answer("lineage", "reproduce", ID, *form, AssuranceService_ReproduceReport=answer)
    assert (call.request.id, ran.status) == (ID, 0)
    if form:
        assert ran.document["identical"] is True
    else:
        assert ran.out.splitlines()[0].split() == ["verdict", "identical"]


def test_a_report_that_comes_out_otherwise_ends_with_one_and_names_why(stage: Stage):
    answer = Reproduction(expected_sha256="a", actual_sha256="b", pages_compared=3)
    answer.differences.add(kind=Reproduction.ENVIRONMENT, name="pango", message="pango was 1.50, is 1.54.")
    ran, _ = stage.answer("lineage", "reproduce", ID, AssuranceService_ReproduceReport=answer)
    assert ran.status == 1
    assert ran.out.splitlines()[0].split() == ["verdict", "different"]
    assert ran.out.splitlines()[-1] == "ENVIRONMENT  pango  pango was 1.50, is 1.54."


def test_a_report_without_inputs_cannot_be_made_again(stage: Stage):
    error = FailedPrecondition("The raw inputs were removed.", reason="INPUTS_REMOVED")
    ran, _ = stage.answer("lineage", "reproduce", ID, "--json", AssuranceService_ReproduceReport=error)
    assert (ran.status, ran.out, ran.err) == (1, "", "error: The raw inputs were removed.\n")
