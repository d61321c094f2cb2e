"""Run one command, and say how it ended.

0 done, 1 refused, not found or not intact, 2 wrong usage, 130 interrupted. Whatever goes wrong is one line on
standard error.
"""

import logging
import os
from collections.abc import Sequence

# Before gRPC is loaded: what its core has to say goes to standard error, and is no use to people.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import typer
from typer.main import get_command

from client import failures
from client.app import app
from client.failures import INTERRUPTED, INTERRUPTION, REFUSED, USAGE, Misuse, Problem
from client.session import Session
from services.errors import ServiceError


def run(arguments: Sequence[str] | None = None, session: Session | None = None) -> int:
    """Run one command and return its exit status."""
    # A call that is broken off is logged by gRPC with a traceback; it is told here, once.
    logging.getLogger("grpc").setLevel(logging.CRITICAL + 1)
    session = session or Session()
    try:
        status = get_command(app).main(
            None if arguments is None else list(arguments),
            prog_name="leadfactory",
            standalone_mode=False,
            obj=session,
        )
        if status == INTERRUPTED:  # what typer makes of KeyboardInterrupt
            session.output.note(INTERRUPTION)
        return int(status or 0)
    except (Exception, KeyboardInterrupt) as error:  # the last place where anything can be told
        if session.interrupted.is_set():  # whatever else came of it
            session.output.note(INTERRUPTION)
            return INTERRUPTED
        status, text = _told(error)
        if text:
            session.output.error(text)
        return status
    finally:
        session.close()


def _told(error: BaseException) -> tuple[int, str]:
    """Return exit status and one line; the line is empty where there is nothing to say."""
    match error:
        case KeyboardInterrupt() | typer.Abort():
            return INTERRUPTED, ""
        case Misuse():
            return USAGE, str(error)
        case Problem():
            return REFUSED, str(error)
        case ServiceError():
            return REFUSED, failures.told(error)
        case typer.TyperException():
            return USAGE, _usage(error)
        case OSError():
            return REFUSED, f"{error.filename}: {error.strerror}" if error.filename else str(error)
        case _:
            if os.environ.get("LEADFACTORY_DEBUG"):
                raise error
            return REFUSED, f"{type(error).__name__}: {error} (LEADFACTORY_DEBUG=1 shows where.)"


def _usage(error: typer.TyperException) -> str:
    """Return what is wrong with the command line, and where to read how it is right."""
    context = getattr(error, "ctx", None)
    message = getattr(error, "format_message", lambda: str(error))()
    if not message:
        # Help was printed, because nothing was asked for.
        return ""
    path = context.command_path if context is not None else "leadfactory"
    said = message.rstrip(".")
    return f"{said}{'' if said.endswith('?') else '.'} See `{path} --help`."
