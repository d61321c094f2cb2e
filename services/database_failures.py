"""What the database's driver raises, as what a caller may see."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from services.errors import (
    Aborted,
    DeadlineExceeded,
    InvalidArgument,
    ResourceExhausted,
    ServiceError,
    Unavailable,
)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the driver raises into what a caller may see."""
    try:
        yield
    except ServiceError:
        raise
    except PoolTimeoutError as error:
        raise Unavailable("The database is busy. Try again.", retry_after=1) from error
    except DBAPIError as error:
        raise _translate(error.orig.__cause__ if error.orig else None, error) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise _translate(error, error) from error
    except OSError as error:
        raise Unavailable("The database cannot be reached. Try again.", retry_after=1) from error


def _translate(cause: BaseException | None, error: Exception) -> Exception:
    if isinstance(cause, asyncpg.PostgresError):
        # "Failing row contains …" tells a log what hide_parameters keeps from it.
        cause.detail = None
    match cause:
        case asyncpg.SerializationError() | asyncpg.DeadlockDetectedError():
            return Aborted("Somebody else changed this at the same time. Read it again, then retry.")
        case asyncpg.LockNotAvailableError():
            return Aborted("Somebody else holds this for too long. Retry.")
        case asyncpg.QueryCanceledError():
            return DeadlineExceeded("The database took too long.")
        case asyncpg.CharacterNotInRepertoireError() | asyncpg.UntranslatableCharacterError():
            return InvalidArgument("text", "must not hold a NUL character", "NUL_CHARACTER")
        case asyncpg.DiskFullError() | asyncpg.TooManyConnectionsError() | asyncpg.OutOfMemoryError():
            return ResourceExhausted("The database is full or overloaded.", retry_after=5)
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.OperatorInterventionError()
            | asyncpg.InterfaceError()
            # What asyncpg says when the connection ends at the very moment that it is used.
            | asyncpg.InternalClientError()
            | OSError()
        ):
            return Unavailable("The database cannot be reached. Try again.", retry_after=1)
    if isinstance(error, (InterfaceError, OperationalError)):
        return Unavailable("The database cannot be reached. Try again.", retry_after=1)
    return error
