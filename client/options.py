"""Options that several commands have, each with its one meaning."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from google.protobuf.message import Message

from client.session import Session

PAGE = 200


def _switch(context: typer.Context, value: bool) -> bool:
    if value:
        Session.of(context).output.as_json = True
    return value


def _moment(text: str) -> datetime:
    """Read a time as ISO 8601 has it; without an offset it is local time."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time: write it as 2026-11-21 or 2026-11-21T15:30Z."
        ) from None


class LookUp(StrEnum):
    """How far the look-up of a lead's domain has come."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


AsJson = Annotated[
    bool, typer.Option("--json", callback=_switch, help="Print JSON, and nothing else, to standard output.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=0, help="Stop after so many; 0 is all.")]
Wait = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait at most.")]

Text = Annotated[str, typer.Option("--query", "-q", help="Whose address, domain or name contains this text.")]
Email = Annotated[str, typer.Option(help="With this e-mail address.")]
Domain = Annotated[str, typer.Option(help="Of exactly this host name.")]
Status = Annotated[
    LookUp | None, typer.Option("--look-up", case_sensitive=False, help="Whose look-up has come this far.")
]
Manual = Annotated[
    bool | None,
    typer.Option("--manual/--not-manual", help="Typed in by a person, or not.", show_default=False),
]
CreatedBy = Annotated[str, typer.Option(help="Created by this subject.")]
CreatedAfter = Annotated[
    datetime | None, typer.Option(parser=_moment, metavar="TIME", help="Created at this time or later.")
]
CreatedBefore = Annotated[
    datetime | None, typer.Option(parser=_moment, metavar="TIME", help="Created before this time.")
]
AsOf = Annotated[
    datetime | None, typer.Option(parser=_moment, metavar="TIME", help="As it was then, from its audit.")
]
ImportId = Annotated[UUID | None, typer.Option("--import", help="Created by this import.")]
Deleted = Annotated[bool, typer.Option("--deleted", help="Deleted ones too.")]
Order = Annotated[str, typer.Option(help="created_at, email or domain; with ' desc' from the end.")]

Locale = Annotated[str, typer.Option(help="Language of the report, such as de; en if empty.")]
Template = Annotated[
    str, typer.Option(help="NAME or NAME@1.2.3; website_audit in its newest version if empty.")
]
Run = Annotated[str, typer.Option("--run", help="Names the run of your pipeline in the lineage.")]
Save = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write it to this file.", show_default=False)
]


def fill(request: Message, **values: Any) -> None:
    """Set the fields of a request that somebody chose a value for."""
    for name, value in values.items():
        if value is None or value == "" or (value is False and name == "show_deleted"):
            continue
        numbers = request.DESCRIPTOR.fields_by_name[name].enum_type
        if isinstance(value, datetime):
            getattr(request, name).FromDatetime(value)
        elif isinstance(value, StrEnum) and numbers is not None:
            setattr(request, name, numbers.values_by_name[value].number)
        else:
            setattr(request, name, str(value) if isinstance(value, UUID) else value)


def split_template(template: str) -> tuple[str, str]:
    """Return name and version of NAME@VERSION."""
    name, _, version = template.partition("@")
    return name, version
