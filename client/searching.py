"""`leadfactory lineage search`: records by what they were made of, by and with."""

from typing import Annotated
from uuid import UUID

import typer

from client import options, output, pages
from client.options import AsJson
from client.output import moment
from client.session import Session
from protos.leadfactory.lineage.v1.lineage_pb2 import Lineage, SearchLineageRequest, SearchLineageResponse

COLUMNS = ("REPORT", "LEAD", "TEMPLATE", "RUN", "STATUS", "RECORDED")


def search(
    context: typer.Context,
    limit: options.Limit = 50,
    query: Annotated[
        str,
        typer.Option("--query", "-q", help="Whose log has each of these words; one may end in *."),
    ] = "",
    lead_id: Annotated[UUID | None, typer.Option("--lead", help="Of reports on this lead.")] = None,
    run: Annotated[str, typer.Option("--run", help="Of this run of a pipeline.")] = "",
    template: Annotated[str, typer.Option(help="Made with this template, NAME@1.2.3.")] = "",
    pdf: Annotated[str, typer.Option("--pdf-sha256", help="Of the PDF with this SHA-256.")] = "",
    inputs: Annotated[str, typer.Option("--inputs-sha256", help="Of raw inputs with this SHA-256.")] = "",
    created_after: options.CreatedAfter = None,
    created_before: options.CreatedBefore = None,
    order: Annotated[str, typer.Option(help="created_at; with ' desc' from the end, as if empty.")] = "",
    page_token: pages.Token = "",
    as_json: AsJson = False,
) -> None:
    """Search lineage, newest first. With --json, next_page_token is empty if there is no more."""
    session = Session.of(context)
    request = SearchLineageRequest(page_token=page_token)
    options.fill(
        request, q=query, lead_id=lead_id, pipeline_run_id=run, template_version_id=template,
        pdf_sha256=pdf.lower(), inputs_sha256=inputs.lower(), created_after=created_after,
        created_before=created_before, order_by=order,
    )  # fmt: skip
    method = session.services.lineage.SearchLineage
    answer = pages.gather(session, method, request, SearchLineageResponse(), "lineages", limit)
    session.output.document(answer, output.table(COLUMNS, map(_row, answer.lineages)))
    pages.tell_of_more(session, answer, len(answer.lineages))


def _row(lineage: Lineage) -> tuple[str, ...]:
    return (
        lineage.report_generation_id,
        lineage.lead_id,
        lineage.template_version_id,
        lineage.pipeline_run_id,
        Lineage.Status.Name(lineage.status) if lineage.status else "",
        moment(lineage.created_at),
    )
