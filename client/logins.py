"""`leadfactory login` and `leadfactory logout`."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from client import credentials
from client.credentials import Login
from client.failures import Misuse, Problem
from client.options import AsJson
from client.places import CHECKOUT
from client.session import TOKEN, Session

MINTING_SECONDS = 30


def login(
    context: typer.Context,
    role: Annotated[
        str, typer.Option(help="On this machine: what you may do, viewer, operator, auditor or admin.")
    ] = "operator",
    subject: Annotated[
        str, typer.Option(help="On this machine: who acts, as the audit will name them; you if empty.")
    ] = "",
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="Keep the bearer token in this file instead, - for standard input.", allow_dash=True
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Log in, and keep the login for the commands that follow.

    At a stack on this machine the login is made on the spot. Elsewhere you are shown a page and a code, to
    confirm in a browser on any device. LEADFACTORY_TOKEN, if set, is used instead of any login.
    """
    session = Session.of(context)
    if token_file is not None:
        made = Login.of(sys.stdin.read() if str(token_file) == "-" else token_file.read_text())
        if made.has_expired:
            raise Problem("This token has expired already: get a new one.")
    elif session.place.home is not None:
        made = _minted(session.place.home, role, subject)
    elif session.place.issuer:
        made = _confirmed(session)
    else:
        raise Problem(
            f"{session.place.name} names no issuer to log in at: give --issuer before `login`,"
            " or a token with --token-file."
        )
    session.credentials.put(session.place.name, made)
    said = credentials.claims(made.token)
    who, roles = str(said.get("sub", "")), [str(each) for each in said.get("roles") or []]
    until = datetime.fromtimestamp(made.expires_at, UTC) if made.expires_at else None
    answer = {
        "place": session.place.name,
        "subject": who,
        "roles": roles,
        "expires_at": until.isoformat(timespec="seconds").replace("+00:00", "Z") if until else None,
    }
    session.output.document(answer)
    if not session.output.as_json:
        lasting = f" until {until:%Y-%m-%d %H:%MZ}" if until and not made.refresh_token else ""
        session.output.note(f"Logged in as {who or 'somebody'} ({', '.join(roles) or 'no role'}){lasting}.")
    if os.environ.get(TOKEN):
        session.output.note(f"{TOKEN} is set, and is used instead of this login.")


def logout(context: typer.Context, as_json: AsJson = False) -> None:
    """Forget the login on this machine. The token itself stays good until it expires."""
    session = Session.of(context)
    forgotten = session.credentials.forget(session.place.name)
    session.output.document({"place": session.place.name, "forgotten": forgotten})
    if not session.output.as_json:
        session.output.note("Logged out." if forgotten else "There was no login.")


def _minted(home: Path, role: str, subject: str) -> Login:
    """Have the local stack sign a token: its key stays its own."""
    command = [sys.executable, "-m", "deploy.local", "token", "--role", role]
    if subject:
        command += ["--subject", subject]
    ran = subprocess.run(  # noqa: S603 - our own module; what people typed is an argument, never a command
        command,
        cwd=CHECKOUT,
        env={**os.environ, "LEADFACTORY_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=MINTING_SECONDS,
        check=False,
    )
    if ran.returncode == 2:
        raise Misuse(ran.stderr)
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Problem(f"The stack in {home} signs no token: {last}")
    return Login.of(ran.stdout)


def _confirmed(session: Session) -> Login:
    # An HTTP client is much to load for the many commands that need none.
    from client.device import Issuer

    with Issuer(session.place.issuer, session.place.client_id) as issuer:
        request = issuer.begin()
        session.output.note(f"Open {request.page_with_code or request.page} and confirm the code:")
        session.output.note(f"    {request.user_code}")
        with session.output.messages.status("Waiting for you to confirm"):
            return issuer.wait(request)
