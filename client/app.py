"""The tree of commands, and the options that all of them have."""

from pathlib import Path
from typing import Annotated

import typer

from client import batches, checking, editing, leads, lineage, logins, proofs, reports, searching, transfers
from client.places import Choice
from client.session import Session


def _option(variable: str, text: str, *names: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        *names,
        envvar=f"LEADFACTORY_{variable}",
        help=text,
        show_default=False,
        rich_help_panel="Where and how",
    )
    return option


def _choose(
    context: typer.Context,
    profile: Annotated[str | None, _option("PROFILE", "A profile of the configuration file.")] = None,
    home: Annotated[Path | None, _option("HOME", "Home of a stack on this machine.")] = None,
    address: Annotated[str | None, _option("ADDRESS", "host:port at which all services answer.")] = None,
    lead_address: Annotated[str | None, _option("LEAD_ADDRESS", "host:port of the lead service.")] = None,
    report_address: Annotated[
        str | None, _option("REPORT_ADDRESS", "host:port of the report service.")
    ] = None,
    lineage_address: Annotated[
        str | None, _option("LINEAGE_ADDRESS", "host:port of the lineage service.")
    ] = None,
    tls: Annotated[
        bool | None,
        _option("TLS", "Encrypt; usual for everything but this machine.", "--tls/--plaintext"),
    ] = None,
    ca_file: Annotated[Path | None, _option("CA_FILE", "PEM file of whom to trust with TLS.")] = None,
    certificate_file: Annotated[
        Path | None, _option("CERTIFICATE_FILE", "PEM file to show where services want a certificate.")
    ] = None,
    key_file: Annotated[Path | None, _option("KEY_FILE", "PEM file of that certificate's key.")] = None,
    issuer: Annotated[str | None, _option("ISSUER", "URL of the OIDC issuer to log in at.")] = None,
    client_id: Annotated[
        str | None, _option("CLIENT_ID", "This program's name at the issuer; leadfactory-cli if empty.")
    ] = None,
) -> None:
    """Leads in, PDF reports out, and proof of where every page came from.

    A stack on this machine (`make up`) is found by itself. Others are named by a profile in
    ~/.config/leadfactory/config.toml, by the options here, or by LEADFACTORY_… in the environment.

    Every command takes --json. Exit status: 0 done, 1 refused, not found or not intact, 2 wrong usage,
    130 interrupted.
    """
    session = Session.of(context)
    session.profile, session.home = profile, home
    session.choice = Choice(
        address,
        lead_address,
        report_address,
        lineage_address,
        tls,
        ca_file,
        certificate_file,
        key_file,
        issuer,
        client_id,
    )


app = typer.Typer(
    callback=_choose,
    epilog="Example: leadfactory leads add hello@example.org --wait",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
_leads = typer.Typer(
    help="Add, find, watch, change, bring in and take out leads, and prove what was done.",
    no_args_is_help=True,
)
_reports = typer.Typer(help="Have reports made, follow them and download them.", no_args_is_help=True)
_lineage = typer.Typer(
    help="Find out where a report came from, and whether a file is what was issued.", no_args_is_help=True
)
app.add_typer(_leads, name="leads")
app.add_typer(_reports, name="reports")
app.add_typer(_lineage, name="lineage")

for group, name, command, example in (
    (app, "login", logins.login, "login --role auditor"),
    (app, "logout", logins.logout, "logout"),
    (app, "verify", checking.verify, "verify evidence.zip --key leads.pub"),
    (_leads, "add", leads.add, "leads add hello@example.org --wait"),
    (_leads, "list", leads.list_leads, "leads list --query example --json | jq -r '.leads[].id'"),
    (_leads, "show", leads.show, "leads show 01999a1f-0000-7000-8000-000000000001"),
    (_leads, "update", editing.update, "leads update 01999a1f-0000-7000-8000-000000000001 --name Example"),
    (_leads, "delete", editing.delete, "leads delete 01999a1f-0000-7000-8000-000000000001"),
    (_leads, "undelete", editing.undelete, "leads undelete 01999a1f-0000-7000-8000-000000000001"),
    (_leads, "evidence", proofs.lead_evidence, "leads evidence 01999a1f-0000-7000-8000-000000000001"),
    (_leads, "import", transfers.import_leads, "leads import leads.csv --dry-run --refused refused.csv"),
    (_leads, "export", transfers.export, "leads export --domain example.org --output leads.csv"),
    (_leads, "watch", leads.watch, "leads watch --look-up completed --json"),
    (
        _reports,
        "generate",
        reports.generate,
        "reports generate 01999a1f-0000-7000-8000-000000000001 -o report.pdf",
    ),
    (_reports, "list", reports.list_reports, "reports list --status failed"),
    (_reports, "watch", reports.watch, "reports watch 01999a1f-0000-7000-8000-000000000002"),
    (_reports, "download", reports.download, "reports download 01999a1f-0000-7000-8000-000000000002"),
    (_reports, "batch", batches.batch, "reports batch --matching --look-up completed -o reports.zip"),
    (_lineage, "show", lineage.show, "lineage show 01999a1f-0000-7000-8000-000000000002"),
    (_lineage, "search", searching.search, "lineage search --template website_audit@2.0.1 -q retry"),
    (_lineage, "logs", lineage.logs, "lineage logs 01999a1f-0000-7000-8000-000000000002"),
    (
        _lineage,
        "inputs",
        lineage.inputs,
        "lineage inputs 01999a1f-0000-7000-8000-000000000002 -o inputs.json",
    ),
    (_lineage, "evidence", proofs.evidence, "lineage evidence 01999a1f-0000-7000-8000-000000000002"),
    (_lineage, "reproduce", proofs.reproduce, "lineage reproduce 01999a1f-0000-7000-8000-000000000002"),
    (_lineage, "lookup", lineage.lookup, "lineage lookup report.pdf"),
    (
        _lineage,
        "diff",
        lineage.diff,
        "lineage diff 01999a1f-0000-7000-8000-000000000002 01999a1f-0000-7000-8000-000000000003",
    ),
):
    group.command(name, epilog=f"Example: leadfactory {example}")(command)
