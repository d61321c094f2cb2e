"""`leadfactory lineage search`: every filter reaches the service, and every page the table."""

import pytest

from protos.leadfactory.lineage.v1.lineage_pb2 import Lineage, SearchLineageRequest, SearchLineageResponse
from services.errors import InvalidArgument
from tests.client.conftest import Stage
from tests.client.test_lineage import ID, RECORD, REPORT


def test_every_filter_is_asked_for(stage: Stage):
    ran, (call,) = stage.answer(
        "lineage", "search", "-q", "retry wait*", "--lead", ID, "--run", "nightly", "--template",
        "website_audit@2.0.0", "--pdf-sha256", "A" * 64, "--inputs-sha256", "b" * 64, "--created-after",
        "2026-11-21T12:00Z", "--created-before", "2026-11-22T12:00Z", "--order", "created_at", "--limit", "7",
        "--page-token", "here", LineageService_SearchLineage=SearchLineageResponse(),
    )  # fmt: skip
    expected = SearchLineageRequest(
        page_size=7, page_token="here", q="retry wait*", lead_id=ID, pipeline_run_id="nightly",
        template_version_id="website_audit@2.0.0", pdf_sha256="a" * 64, inputs_sha256="b" * 64,
        order_by="created_at",
    )  # fmt: skip
    expected.created_after.FromJsonString("2026-11-21T12:00:00Z")
    expected.created_before.FromJsonString("2026-11-22T12:00:00Z")
    assert call.request == expected
    assert ran.status == 0


def test_pages_become_one_table_and_more_is_said_to_be_there(stage: Stage):
    record = Lineage(report_generation_id=REPORT, lead_id=ID, pipeline_run_id="r", status=Lineage.COMPLETED)
    first = SearchLineageResponse(lineages=[record] * 200, next_page_token="next", total_size_estimate=900)
    second = SearchLineageResponse(lineages=[record] * 50, next_page_token="more", total_size_estimate=900)
    stage.start("lineage", "search", "--limit", "250")
    stage.take("LineageService.SearchLineage").reply(first)
    call = stage.take("LineageService.SearchLineage")
    assert (call.request.page_size, call.request.page_token) == (50, "next")
    call.reply(second)
    ran = stage.end()
    assert len(ran.out.splitlines()) == 251
    assert ran.out.splitlines()[1].split() == [REPORT, ID, "r", "COMPLETED"]
    assert ran.err == "250 of about 900; --limit 0 shows all.\n"


def test_as_json_it_says_where_to_go_on(stage: Stage):
    page = SearchLineageResponse(lineages=[RECORD], next_page_token="next", total_size_estimate=2)
    ran, _ = stage.answer("lineage", "search", "--limit", "1", "--json", LineageService_SearchLineage=page)
    assert [each["lineage_id"] for each in ran.document["lineages"]] == [ID]
    assert (ran.document["next_page_token"], ran.err) == ("next", "")


def test_a_wrong_filter_is_named(stage: Stage):
    error = InvalidArgument("pdf_sha256", "is no SHA-256")
    ran, _ = stage.answer("lineage", "search", "--pdf-sha256", "x", LineageService_SearchLineage=error)
    assert (ran.status, ran.err) == (1, "error: pdf_sha256: is no SHA-256.\n")


@pytest.mark.parametrize(
    "arguments", [["--lead", "x"], ["--limit", "-1"], ["--created-after", "soon"], ["x"]]
)
def test_wrong_usage_is_one_line(stage: Stage, arguments: list[str]):
    ran = stage.run("lineage", "search", *arguments)
    assert (ran.status, ran.out, len(ran.err.splitlines())) == (2, "", 1)
