"""A context's own PostgreSQL: sessions that commit only at the edge, and errors without drivers.

Reading and writing are told apart when the session is opened: a read session runs in a READ ONLY
transaction that is always rolled back, a write session commits when its block ends well and rolls
back on any raise.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Generic, TypeVar, cast

import asyncpg
from sqlalchemy import MetaData, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session

from services.errors import (
    Aborted,
    DeadlineExceeded,
    InvalidArgument,
    ResourceExhausted,
    ServiceError,
    Unavailable,
)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

STATEMENT_TIMEOUT_SECONDS = 10
LOCK_TIMEOUT_SECONDS = 3
IDLE_IN_TRANSACTION_TIMEOUT_SECONDS = 15
CHECKOUT_TIMEOUT_SECONDS = 2

Store = TypeVar("Store")


def declarative_base() -> type[DeclarativeBase]:
    """Return a new base class for one context's tables, with constraint names by convention."""

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING)

    return Base


class Database:
    """One context's database, as one role."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        pool_size: int = 5,
        session_class: type[Session] = Session,
        statement_timeout: float = STATEMENT_TIMEOUT_SECONDS,
    ) -> None:
        """Prepare a pool; nothing is connected yet.

        ``url`` is a plain ``postgresql://`` DSN, ``name`` shows in ``pg_stat_activity``,
        ``statement_timeout`` is in seconds.
        """
        self.url = url
        self._engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CHECKOUT_TIMEOUT_SECONDS,
            pool_pre_ping=True,
            # The values of a statement are people's data, and the text of an error may be logged.
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "application_name": name,
                    "timezone": "UTC",
                    "statement_timeout": f"{int(statement_timeout * 1000)}",
                    "lock_timeout": f"{LOCK_TIMEOUT_SECONDS * 1000}",
                    "idle_in_transaction_session_timeout": (f"{IDLE_IN_TRANSACTION_TIMEOUT_SECONDS * 1000}"),
                },
            },
        )
        self._sessions = async_sessionmaker(
            self._engine, sync_session_class=session_class, expire_on_commit=False
        )

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a READ ONLY transaction."""
        with translated_errors():
            async with self._sessions() as session:
                # Said with BEGIN: a statement of its own would be one more round trip to each reading.
                await session.connection(execution_options={"postgresql_readonly": True})
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that commits if the block ends well, and rolls back otherwise."""
        with translated_errors():
            async with self._sessions() as session, session.begin():
                yield session

    async def check(self) -> None:
        """Ask the database for a sign of life; raises Unavailable if there is none."""
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


class UnitsOfWork(Generic[Store]):
    """Opens transactions and hands out the store that speaks inside each."""

    def __init__(self, database: Database, make_store: Callable[[AsyncSession], Store]) -> None:
        """Take the database and how to make a store from a session."""
        self._database = database
        self._make_store = make_store

    def read(self) -> AbstractAsyncContextManager[Store]:
        """Open a unit of work that changes nothing."""
        return self._open(self._database.read())

    def write(self) -> AbstractAsyncContextManager[Store]:
        """Open a unit of work that commits if its block ends well."""
        return self._open(self._database.write())

    @asynccontextmanager
    async def _open(self, opened: AbstractAsyncContextManager[AsyncSession]) -> AsyncIterator[Store]:
        async with opened as session:
            yield self._make_store(session)


async def driver_connection(session: AsyncSession) -> asyncpg.Connection:
    """Return the asyncpg connection that the session's transaction runs on."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver = cast("asyncpg.Connection", raw.driver_connection)
    if not driver.is_in_transaction():
        # SQLAlchemy sends BEGIN with its own first statement; without it the driver would commit
        # each statement at once.
        await session.execute(text("SELECT 1"))
    return driver


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
