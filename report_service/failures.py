"""Why a report could not be made, in words for the person who asked for it."""

from datetime import datetime

from report_service.rendering.pool import RenderFailed
from services.errors import (
    Aborted,
    DeadlineExceeded,
    FailedPrecondition,
    NotFound,
    ResourceExhausted,
    ServiceError,
    Unauthenticated,
    Unavailable,
)

# What may be gone a moment later. A token that has just run out is read again from its file.
PASSING = (Unavailable, DeadlineExceeded, Aborted, ResourceExhausted, Unauthenticated)


def erased(at: datetime) -> FailedPrecondition:
    """Return the failure of whoever wants the PDF of a lead that was erased."""
    return FailedPrecondition(
        f"The PDF was erased with its lead on {at:%Y-%m-%d}. Its digest remains.", reason="LEAD_ERASED"
    )


class Crashed(Exception):
    """The report could not be made: each attempt was cut short by a crash."""


def explain(error: BaseException) -> tuple[str, bool]:
    """Return a sentence for the person who asked, and whether the failure may pass."""
    match error:
        case Crashed():
            return "The report could not be made: each attempt was cut short by a crash.", False
        case RenderFailed():
            return _sentence(str(error)), error.transient
        case NotFound():
            return f"{error.message} It may have been removed since the report was asked for.", False
        case ServiceError():
            return _sentence(error.message), isinstance(error, PASSING)
        case _:
            return "Something unforeseen went wrong; the log of the report worker names it.", True


def told(error: BaseException) -> str:
    """Put a failure into words for the log that is kept; what may hold internal detail is only named."""
    foreseen = isinstance(error, (Crashed, RenderFailed, ServiceError))
    return explain(error)[0] if foreseen else type(error).__name__


def _sentence(text: str) -> str:
    text = text.strip() or "no reason was given"
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
