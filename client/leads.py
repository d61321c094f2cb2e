"""`leadfactory leads add | list | show | watch`."""

import time
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID, uuid4

import typer
from rich.table import Table

from client import options, output, pages
from client.calls import Services
from client.failures import REFUSED, NoAnswer, Problem
from client.options import AsJson
from client.output import moment
from client.session import Session
from protos.leadfactory.lead.v1.lead_pb2 import (
    CreateLeadRequest,
    EnrichLeadRequest,
    GetLeadRequest,
    Lead,
    LeadEvent,
    ListLeadsRequest,
    ListLeadsResponse,
    QuickAddLeadRequest,
    WatchLeadsRequest,
)
from services.errors import Aborted, ServiceError, Unavailable

LeadId = Annotated[UUID, typer.Argument(metavar="LEAD", help="The lead's id.")]
COLUMNS = ("ID", "E-MAIL", "DOMAIN", "NAME", "LOOK-UP", "CREATED")
ENDED = (Lead.COMPLETED, Lead.FAILED)
# Interruptions in a row that a watch outlives.
PATIENCE = 6


def add(
    context: typer.Context,
    email: Annotated[str, typer.Argument(metavar="E-MAIL", help="An address that can receive mail.")],
    domain: Annotated[str, typer.Option(help="The host name to audit; the address's own if empty.")] = "",
    name: Annotated[str, typer.Option(help="What people call this lead.")] = "",
    look_up: Annotated[
        bool, typer.Option("--look-up/--no-look-up", help="Look the domain up, or leave it alone.")
    ] = True,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the domain is looked up.")] = False,
    timeout: options.Wait = 180,
    as_json: AsJson = False,
) -> int:
    """Add a lead, and have its domain looked up behind the scenes."""
    session = Session.of(context)
    services, request_id = session.services, str(uuid4())
    if look_up and not name:
        lead = services.ask(
            services.leads.QuickAddLead,
            QuickAddLeadRequest(email=email, domain=domain, request_id=request_id),
        )
    else:
        lead = services.ask(
            services.leads.CreateLead,
            CreateLeadRequest(email=email, domain=domain, name=name, is_manual=True, request_id=request_id),
        )
        if look_up:
            try:
                lead = services.ask(services.leads.EnrichLead, EnrichLeadRequest(id=lead.id))
            except ServiceError as error:
                # The lead is there: whoever is told of the failure must know.
                session.output.note(f"The lead was added as {lead.id}, and is not looked up.")
                raise error
    if look_up and wait:
        lead = _looked_up(session, lead.id, timeout)
    session.output.document(lead, details(lead))
    return REFUSED if wait and lead.enrichment_status == Lead.FAILED else 0


def list_leads(
    context: typer.Context,
    limit: options.Limit = 50,
    query: options.Text = "",
    email: options.Email = "",
    domain: options.Domain = "",
    look_up: options.Status = None,
    manual: options.Manual = None,
    created_by: options.CreatedBy = "",
    created_after: options.CreatedAfter = None,
    created_before: options.CreatedBefore = None,
    import_id: options.ImportId = None,
    deleted: options.Deleted = False,
    order: options.Order = "",
    page_token: pages.Token = "",
    as_json: AsJson = False,
) -> None:
    """List leads, newest first. With --json, next_page_token is empty if there are no more."""
    session = Session.of(context)
    request = ListLeadsRequest(page_token=page_token)
    options.fill(
        request, q=query, email=email, domain=domain, enrichment_status=look_up, is_manual=manual,
        created_by=created_by, created_after=created_after, created_before=created_before,
        import_id=import_id, show_deleted=deleted, order_by=order,
    )  # fmt: skip
    method = session.services.leads.ListLeads
    answer = pages.gather(session, method, request, ListLeadsResponse(), "leads", limit)
    session.output.document(answer, output.table(COLUMNS, map(_row, answer.leads)))
    pages.tell_of_more(session, answer, len(answer.leads))


def show(
    context: typer.Context,
    lead_id: LeadId,
    as_of: options.AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one lead with every fact that its look-up found, and where each is from."""
    session = Session.of(context)
    request = GetLeadRequest(id=str(lead_id))
    options.fill(request, as_of=as_of)
    lead = session.services.ask(session.services.leads.GetLead, request)
    facts = output.table(
        ("FACT", "STATE", "VALUE", "SOURCE"),
        (
            (
                f"{fact.provider}.{fact.name}",
                fact.State.Name(fact.state),
                "; ".join(fact.values) or fact.reason,
                fact.source,
            )
            for fact in lead.facts
        ),
    )
    session.output.document(lead, details(lead), *(("", facts) if lead.facts else ()))


def watch(
    context: typer.Context,
    lead_ids: Annotated[
        list[UUID] | None, typer.Argument(metavar="[LEAD]...", help="Only these leads; all if none.")
    ] = None,
    domain: options.Domain = "",
    look_up: options.Status = None,
    manual: options.Manual = None,
    resume: Annotated[str, typer.Option(help="Go on behind this resume_token of an earlier event.")] = "",
    limit: options.Limit = 0,
    as_json: AsJson = False,
) -> None:
    """Tell what happens to leads, as it happens, until Ctrl-C.

    With --json each event is a line, the HEARTBEATs of a quiet stream among them: the last resume_token is
    where to go on. A connection that breaks is taken up again, and nothing is missed.
    """
    session = Session.of(context)
    request = WatchLeadsRequest(ids=map(str, lead_ids or ()), resume_token=resume)
    options.fill(request, domain=domain, enrichment_status=look_up, is_manual=manual)
    told = 0
    for event in _followed(session, request):
        if event.kind == LeadEvent.HEARTBEAT:
            session.output.event(event, None)
            continue
        lead = event.lead
        row = (
            moment(lead.updated_at),
            LeadEvent.Kind.Name(event.kind),
            lead.id,
            lead.email,
            Lead.EnrichmentStatus.Name(lead.enrichment_status) if lead.email else "",
        )
        session.output.event(event, output.line(row, (20, 9)))
        told += 1
        if told == limit:
            return


def _followed(session: Session, request: WatchLeadsRequest) -> Iterator[LeadEvent]:
    """Yield events, resuming the watch whenever it ends or breaks."""
    interruptions = 0
    while True:
        try:
            for event in session.services.stream(session.services.leads.WatchLeads, request):
                interruptions = 0
                request.resume_token = event.resume_token
                yield event
        except (NoAnswer, Unavailable, Aborted) as error:
            interruptions += 1
            if interruptions == PATIENCE:
                raise
            session.output.note(f"Interrupted, going on: {error}")
        # A stream that ends at once, again and again, is not asked for in a busy loop either.
        session.pause(min(0.2 * 2**interruptions, 5.0))


def _looked_up(session: Session, lead_id: str, timeout: float) -> Lead:
    """Wait for the end of a look-up: every change of the lead is a reason to look at it again."""
    services: Services = session.services
    deadline = time.monotonic() + timeout
    with session.output.progress() as progress:
        progress.add_task("Looking up", total=None)
        for _ in _followed(session, WatchLeadsRequest(ids=[lead_id])):
            lead = services.ask(services.leads.GetLead, GetLeadRequest(id=lead_id))
            if lead.enrichment_status in ENDED:
                return lead
            if time.monotonic() > deadline:
                break
    raise Problem(
        f"The look-up was not done within {timeout:.0f} s. It goes on:"
        f" see `leadfactory leads show {lead_id}`."
    )


def _row(lead: Lead) -> tuple[str, ...]:
    state = "DELETED" if lead.HasField("delete_time") else _state(lead)
    return lead.id, lead.email, lead.domain, lead.name, state, moment(lead.created_at)


def _state(lead: Lead) -> str:
    if not lead.enrichment_task_id and lead.enrichment_status == Lead.PENDING:
        return ""
    return Lead.EnrichmentStatus.Name(lead.enrichment_status)


def details(lead: Lead) -> Table:
    """Lay out what people may want to know of one lead."""
    return output.details(
        (
            ("id", lead.id),
            ("e-mail", lead.email),
            ("domain", lead.domain),
            ("name", lead.name),
            ("look-up", _state(lead)),
            ("", lead.enrichment_error),
            ("looked up", moment(lead.enriched_at)),
            ("created", f"{moment(lead.created_at)} by {lead.created_by}"),
            ("updated", moment(lead.updated_at)),
            ("import", lead.import_id),
            ("merged into", lead.merged_into),
            ("deleted", moment(lead.delete_time)),
            ("etag", lead.etag),
        )
    )
