"""Failures that callers may see: one type, told the same way over gRPC and HTTP (AIP-193).

    ServiceError
    ├── InvalidArgument      the request itself is wrong; names the fields
    ├── OutOfRange           right in form, beyond what exists
    ├── Unauthenticated      nobody knows who is asking
    ├── PermissionDenied     known, and not allowed
    ├── NotFound             no such resource
    ├── AlreadyExists        a resource with other facts stands there
    ├── FailedPrecondition   not in this state; retrying alone will not help
    ├── Aborted              somebody else was faster; read again and retry
    ├── ResourceExhausted    too much at once; says when to retry
    ├── DeadlineExceeded     the caller's time is used up
    ├── Unavailable          not now; retrying helps
    ├── Unimplemented        not offered here
    └── DataLoss             what was stored is not what comes back

Standard library only, so that a domain module may raise them.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

# A failure travels as metadata, of which gRPC bears some kilobytes.
MAXIMUM_VIOLATIONS = 20


class FieldViolation(NamedTuple):
    """One thing wrong with one field of a request."""

    field: str
    """Path of the field as the proto names it, such as ``lead.email``."""
    description: str
    """What is wrong and what would be right, as one sentence."""
    reason: str = "INVALID"
    """A constant for programs, in UPPER_SNAKE_CASE."""


class ServiceError(Exception):
    """A failure that the caller is told about; its message never holds internal detail."""

    code = "UNKNOWN"
    """Name of the gRPC status code."""
    default_reason = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Iterable[FieldViolation] = (),
        retry_after: float | None = None,
    ) -> None:
        """Describe the failure; ``retry_after`` is in seconds."""
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after


class InvalidArgument(ServiceError):
    """The request is wrong whatever the state of the system."""

    code = "INVALID_ARGUMENT"
    default_reason = "INVALID_ARGUMENT"

    def __init__(self, field: str, description: str, reason: str = "INVALID") -> None:
        """Name one wrong field."""
        super().__init__(f"{field}: {description}", violations=[FieldViolation(field, description, reason)])

    @classmethod
    def of(cls, violations: Iterable[FieldViolation]) -> "InvalidArgument":
        """Name every wrong field at once, or the first twenty; at least one."""
        first, *others = islice(violations, MAXIMUM_VIOLATIONS)
        error = cls(*first)
        error.violations = (first, *others)
        if others:
            error.message = "; ".join(f"{each.field}: {each.description}" for each in error.violations)
            error.args = (error.message,)
        return error


class NotFound(ServiceError):
    """No such resource."""

    code = "NOT_FOUND"
    default_reason = "NOT_FOUND"

    def __init__(self, resource: str, name: str) -> None:
        """Name the kind of resource and the identifier that was asked for."""
        super().__init__(f"There is no {resource} {name!r}.", metadata={"resource": resource, "name": name})


class AlreadyExists(ServiceError):
    """Something with other facts stands where this should go."""

    code = "ALREADY_EXISTS"
    default_reason = "ALREADY_EXISTS"

    def __init__(self, resource: str, name: str, message: str) -> None:
        """Name the kind of resource and its identifier, and say what differs."""
        super().__init__(message, metadata={"resource": resource, "name": name})


class OutOfRange(ServiceError):
    """Right in form, beyond what exists."""

    code = "OUT_OF_RANGE"
    default_reason = "OUT_OF_RANGE"


class Unauthenticated(ServiceError):
    """Nobody knows who is asking."""

    code = "UNAUTHENTICATED"
    default_reason = "UNAUTHENTICATED"


class PermissionDenied(ServiceError):
    """The caller is known and not allowed to do this."""

    code = "PERMISSION_DENIED"
    default_reason = "PERMISSION_DENIED"


class FailedPrecondition(ServiceError):
    """The resource is not in a state in which this can be done."""

    code = "FAILED_PRECONDITION"
    default_reason = "FAILED_PRECONDITION"


class Aborted(ServiceError):
    """Somebody else was faster; read again, then retry."""

    code = "ABORTED"
    default_reason = "CONFLICT"


class ResourceExhausted(ServiceError):
    """Too much at once, or too large."""

    code = "RESOURCE_EXHAUSTED"
    default_reason = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(ServiceError):
    """The caller's time is used up."""

    code = "DEADLINE_EXCEEDED"
    default_reason = "DEADLINE_EXCEEDED"


class Unavailable(ServiceError):
    """Not now; the same request may succeed later."""

    code = "UNAVAILABLE"
    default_reason = "UNAVAILABLE"


class Unimplemented(ServiceError):
    """Not offered here."""

    code = "UNIMPLEMENTED"
    default_reason = "UNIMPLEMENTED"


class DataLoss(ServiceError):
    """What was stored is not what comes back."""

    code = "DATA_LOSS"
    default_reason = "DATA_LOSS"
