"""What ends a command: told in one line, with what to do about it."""

import grpc
from grpc_status import rpc_status

from services.errors import ServiceError
from services.status import from_rpc_error

REFUSED, USAGE, INTERRUPTED = 1, 2, 130
INTERRUPTION = "Interrupted."

_LOGIN = "Run `leadfactory login`."
# Where a service speaks of its own request, and people type something else.
_TYPED = {"columns[email]": "--column email=HEADER"}


class Problem(Exception):
    """Something that the person at the terminal can put right; its text is one line that says how."""


class NoAnswer(Problem):
    """A service did not answer, or not in time: whether it did what was asked is not known."""


class Misuse(Problem):
    """The command line itself is wrong."""


def of(error: grpc.RpcError) -> Exception:
    """Return what a service answered with as a ServiceError, or NoAnswer if it said nothing itself."""
    # Every failed call of gRPC's is its own error; only the types part the two.
    assert isinstance(error, grpc.Call)
    code, details = error.code(), error.details() or ""
    if rpc_status.from_call(error) is None:
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return NoAnswer("The service took too long. Try again.")
        if code is grpc.StatusCode.UNAVAILABLE:
            why = details.rpartition("last error: ")[2].removeprefix("UNKNOWN: ")
            return NoAnswer(f"The service does not answer ({why}). Is it running, and is this its address?")
        if code is grpc.StatusCode.CANCELLED:
            return NoAnswer("The call was broken off. Try again.")
    return from_rpc_error(error)


def told(error: ServiceError) -> str:
    """Return a service's refusal as one line: every wrong field, what stands in the way, what to do."""
    if error.violations:
        text = "; ".join(f"{each.field}: {each.description}" for each in error.violations)
    else:
        text = error.message
    for theirs, ours in _TYPED.items():
        text = text.replace(theirs, ours)
    return " ".join([text if text.endswith((".", "`")) else f"{text}.", *_advice(error)])


def _advice(error: ServiceError) -> list[str]:
    advice = []
    if error.code == "UNAUTHENTICATED":
        advice.append(_LOGIN)
    if error.code == "ALREADY_EXISTS" and error.metadata.get("resource") == "lead":
        advice.append(f"See `leadfactory leads show {error.metadata.get('name', '')}`.")
    if "request_id" in error.metadata:
        advice.append(f"It is {error.metadata['request_id']}.")
    if error.retry_after:
        advice.append(f"Try again in {error.retry_after:.0f} s.")
    return advice
