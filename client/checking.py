"""`leadfactory verify`: evidence checked here, without any service and without a login."""

from pathlib import Path
from typing import Annotated

import typer

from client import output
from client.failures import REFUSED, USAGE
from client.options import AsJson
from client.session import Session


def verify(
    context: typer.Context,
    evidence: Annotated[
        str, typer.Argument(metavar="FILE|DSN", help="Evidence that was downloaded, or postgresql://…")
    ],
    key: Annotated[
        list[str],
        typer.Option(
            help="The log's public key, name+id+base64, or a file that holds it; again for older ones."
        ),
    ],
    checkpoints: Annotated[
        Path | None, typer.Option(help="Checkpoints that were kept outside of the database.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check evidence that was downloaded, or a whole log in its database, with the log's public key.

    Needs no service and no login: everything is recomputed here. Exit status: 0 intact, 1 damaged, 2 it could
    not be checked.
    """
    # The verifier brings a database driver with it, which no other command needs.
    from services.evidence.__main__ import Uncheckable, check

    session = Session.of(context)
    try:
        report = check(evidence, key, checkpoints)
    except Uncheckable as error:
        session.output.error(f"cannot be checked: {error}")
        return USAGE
    intact = not report.damages
    session.output.document(
        {
            "intact": intact,
            "damages": [{"place": each.place, "what": each.what} for each in report.damages],
            "remarks": report.remarks,
        },
        output.details(("damaged", str(each)) for each in report.damages),
        *map(output.cell, report.remarks),
        output.cell("intact" if intact else f"{len(report.damages)} damages"),
    )
    return 0 if intact else REFUSED
