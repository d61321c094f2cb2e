"""Promise: a failure that one service raises is the same failure in the service that called it."""

import grpc
import pytest
from grpc_status import rpc_status

from services import errors, status
from services.errors import FieldViolation, ServiceError

EVERY_KIND: list[ServiceError] = [
    errors.InvalidArgument.of(
        [FieldViolation("email", "must be one", "EMAIL"), FieldViolation("name", "is long")]
    ),
    errors.NotFound("lead", "42"),
    errors.AlreadyExists("lineage", "42", "It has other facts."),
    *(
        kind("Not now.", reason="WHY", metadata={"a": "b"}, retry_after=1.5)
        for kind in (
            errors.OutOfRange,
            errors.Unauthenticated,
            errors.PermissionDenied,
            errors.FailedPrecondition,
            errors.Aborted,
            errors.ResourceExhausted,
            errors.DeadlineExceeded,
            errors.Unavailable,
            errors.Unimplemented,
            errors.DataLoss,
        )
    ),
]


def over_the_wire(error: ServiceError) -> ServiceError:
    told = rpc_status.to_status(status.to_status(error))
    received = grpc.aio.AioRpcError(
        told.code, grpc.aio.Metadata(), grpc.aio.Metadata(*told.trailing_metadata), details=told.details
    )
    return status.from_rpc_error(received)


@pytest.mark.parametrize("error", EVERY_KIND, ids=lambda error: error.code)
def test_a_failure_survives_the_wire_whole(error: ServiceError) -> None:
    again = over_the_wire(error)
    assert type(again) is type(error)
    assert (again.code, again.reason, again.message) == (error.code, error.reason, error.message)
    assert again.violations == error.violations
    assert again.metadata == error.metadata
    assert again.retry_after == error.retry_after


def test_a_failure_with_too_much_to_say_still_fits_into_metadata() -> None:
    endless = errors.InvalidArgument.of(
        FieldViolation(f"field_{n}", "x" * 80, "WRONG") for n in range(10_000)
    )
    told = status.to_status(endless)
    assert len(over_the_wire(endless).violations) == errors.MAXIMUM_VIOLATIONS
    assert told.ByteSize() + len(told.message) < 16 * 1024


def test_a_failure_without_details_is_still_told_by_its_code() -> None:
    received = grpc.aio.AioRpcError(
        grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), grpc.aio.Metadata(), details="no such thing"
    )
    again = status.from_rpc_error(received)
    assert isinstance(again, errors.NotFound)
    assert again.message == "no such thing"


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_what_the_channel_itself_says_names_no_address_and_says_when_to_retry(code: grpc.StatusCode) -> None:
    received = grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="failed to connect to ipv4:10.0.0.1:50051"
    )
    again = status.from_rpc_error(received)
    assert isinstance(again, errors.Unavailable)
    assert again.retry_after
    assert "10.0.0.1" not in again.message


def test_a_status_that_no_service_of_ours_gives_reads_as_unavailable() -> None:
    received = grpc.aio.AioRpcError(
        grpc.StatusCode.UNKNOWN, grpc.aio.Metadata(), grpc.aio.Metadata(), details="?"
    )
    assert isinstance(status.from_rpc_error(received), errors.Unavailable)
