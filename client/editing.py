"""`leadfactory leads update | delete | undelete`: what becomes of a lead that is there."""

from typing import Annotated
from uuid import uuid4

import typer

from client import leads, options
from client.failures import Misuse
from client.leads import LeadId
from client.options import AsJson
from client.session import Session
from protos.leadfactory.lead.v1.lead_pb2 import (
    DeleteLeadRequest,
    Lead,
    UndeleteLeadRequest,
    UpdateLeadRequest,
)

Etag = Annotated[
    str, typer.Option(help="Only if the lead is still the one that `leads show` said has this etag.")
]


def update(
    context: typer.Context,
    lead_id: LeadId,
    email: Annotated[str | None, typer.Option(help="Another e-mail address.", show_default=False)] = None,
    domain: Annotated[
        str | None, typer.Option(help="Another host name; the address's own if empty.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Option(help="Another name; none if empty.", show_default=False)] = None,
    manual: options.Manual = None,
    etag: Etag = "",
    as_json: AsJson = False,
) -> None:
    """Change a lead's address, domain, name or origin, and leave the rest as it is."""
    session = Session.of(context)
    chosen = {"email": email, "domain": domain, "name": name, "is_manual": manual}
    values = {field: value for field, value in chosen.items() if value is not None}
    if not values:
        raise Misuse("Say what to change: --email, --domain, --name or --manual/--not-manual.")
    request = UpdateLeadRequest(id=str(lead_id), etag=etag, request_id=str(uuid4()))
    for field, value in values.items():
        setattr(request.lead, field, value)
        request.update_mask.paths.append(field)
    _show(session, session.services.ask(session.services.leads.UpdateLead, request))


def delete(context: typer.Context, lead_id: LeadId, etag: Etag = "", as_json: AsJson = False) -> None:
    """Take a lead out of the lists. Nothing is lost: see `leads undelete`."""
    session = Session.of(context)
    request = DeleteLeadRequest(id=str(lead_id), etag=etag, request_id=str(uuid4()))
    _show(session, session.services.ask(session.services.leads.DeleteLead, request))


def undelete(context: typer.Context, lead_id: LeadId, etag: Etag = "", as_json: AsJson = False) -> None:
    """Bring a deleted lead back into the lists."""
    session = Session.of(context)
    request = UndeleteLeadRequest(id=str(lead_id), etag=etag)
    _show(session, session.services.ask(session.services.leads.UndeleteLead, request))


def _show(session: Session, lead: Lead) -> None:
    session.output.document(lead, leads.details(lead))
