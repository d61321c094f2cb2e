"""ServiceError and google.rpc.Status, both ways (AIP-193): how a failure crosses the wire."""

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from services import errors
from services.errors import FieldViolation, ServiceError

DOMAIN = "leadfactory"

_TYPES: dict[str, type[ServiceError]] = {
    each.code: each for each in ServiceError.__subclasses__() if each.code != ServiceError.code
}

_FROM_THE_CHANNEL = {
    grpc.StatusCode.UNAVAILABLE: "A service that this one asks does not answer now. Try again.",
    grpc.StatusCode.DEADLINE_EXCEEDED: "A service that this one asks took too long. Try again.",
}


def to_status(error: ServiceError) -> status_pb2.Status:
    """Write a failure as a Status with ErrorInfo, BadRequest and RetryInfo."""
    details: list[Any] = []

    def attach(
        detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
    ) -> None:
        packed = Any()
        packed.Pack(detail)
        details.append(packed)

    attach(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata))
    if error.violations:
        attach(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=each.field, description=each.description, reason=each.reason
                    )
                    for each in error.violations
                ]
            )
        )
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(error.retry_after * 1_000_000_000))
        attach(retry)
    return status_pb2.Status(code=code_pb2.Code.Value(error.code), message=error.message, details=details)


def from_rpc_error(error: grpc.aio.AioRpcError) -> ServiceError:
    """Read back the failure that a service answered with, or that the channel met."""
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        for target in (info, bad_request, retry):
            if detail.Is(target.DESCRIPTOR):
                detail.Unpack(target)
    if not info.reason and error.code() in _FROM_THE_CHANNEL:
        # gRPC's own words name addresses, and are no use to a caller.
        return errors.Unavailable(_FROM_THE_CHANNEL[error.code()], retry_after=1)
    kind = _TYPES.get(error.code().name, errors.Unavailable)
    # Not kind(…): what a kind asks of those who raise it is not what comes over the wire.
    rebuilt = kind.__new__(kind)
    ServiceError.__init__(
        rebuilt,
        error.details() or "The service gave no reason.",
        reason=info.reason,
        metadata=info.metadata,
        violations=[
            FieldViolation(each.field, each.description, each.reason) for each in bad_request.field_violations
        ],
        retry_after=retry.retry_delay.ToNanoseconds() / 1e9 if retry.HasField("retry_delay") else None,
    )
    return rebuilt
