"""A context's own PostgreSQL: sessions that commit only at the edge, and errors without drivers.

Reading and writing are told apart when the session is opened: whatever a read session does is READ ONLY, a
write session commits when its block ends well and rolls back on any raise. A read session has no transaction
around its statements: at READ COMMITTED each sees the database anew anyway, and to begin and to end one
would be two more round trips to each reading.

Who acts, and in which call, is told to the database with the BEGIN of every write session, for
triggers to note (see ``ContextSession``).
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Generic, TypeVar, cast

import asyncpg
from sqlalchemy import Connection, MetaData, Select, event, make_url, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.util import greenlet_spawn

from services import identity
from services.database_failures import translated_errors

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
KEPT_STATEMENTS = 2048

Store = TypeVar("Store")
Parameters = list[tuple[str, Callable[[Any], Any] | None]]


def declarative_base() -> type[DeclarativeBase]:
    """Return a new base class for one context's tables, with constraint names by convention."""

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING)

    return Base


class _Driver(asyncpg.Connection):
    """A connection that sends a statement along with BEGIN, at no round trip of its own.

    Only who writes begins a transaction; what is sent outside of one is READ ONLY.
    """

    with_begin = ""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:  # noqa: ASYNC109  (asyncpg's interface)
        if query.startswith("BEGIN"):
            query, self.with_begin = f"{query}SET TRANSACTION READ WRITE;{self.with_begin}", ""
        return await super().execute(query, *args, timeout=timeout)


def _replace_if_closed(driver: AdaptedConnection, *_: object) -> None:
    # What the server has closed, by a restart for instance, the driver knows already: asking the server each
    # time (pool_pre_ping) would be one more round trip to each transaction.
    if driver.driver_connection.is_closed():
        raise DisconnectionError


class ContextSession(Session):
    """A session whose transactions, if they may write, know who acts.

    The setting ``leadfactory.context`` holds it for the length of the transaction, as one JSON
    object: ``user_id``, ``roles``, ``workload``, ``ip_address``, ``user_agent``, ``request_id`` and
    ``method``. It stays empty outside of any call or job.
    """


@event.listens_for(ContextSession, "after_begin")
def _tell_who_acts(session: Session, _: SessionTransaction, connection: Connection) -> None:
    # SQLAlchemy sends BEGIN only with the first statement, so there is still time to join it. What
    # a session that never sent one left behind is overwritten here.
    driver = cast("_Driver", connection.connection.driver_connection)
    driver.with_begin = _set_context() if session.info.get("writes") else ""


def _set_context() -> str:
    actor, call = identity.actor_if_any(), identity.current_call()
    if actor is None:
        return ""
    context = {
        "user_id": _storable(actor.subject, 256),
        "roles": sorted(_storable(role, 64) for role in actor.roles),
        "workload": actor.workload,
        "ip_address": _address(actor.ip),
        "user_agent": _storable(actor.user_agent, 512),
        "request_id": call.request_id if call else "",
        "method": call.method if call else "",
    }
    quoted = json.dumps(context).replace("'", "''")
    return f"SET LOCAL leadfactory.context = '{quoted}'"


def _storable(value: str, length: int) -> str:
    """Cut text, and leave out what PostgreSQL's JSON refuses: NUL and halves of surrogate pairs."""
    return value[:length].encode("utf-8", "ignore").decode().replace("\0", "")


def _address(value: str) -> str | None:
    """Read an address without its zone, which means something on that machine only."""
    try:
        return str(ip_address(value.partition("%")[0]))
    except ValueError:
        return None


class Database:
    """One context's database, as one role."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        pool_size: int = 5,
        session_class: type[Session] = ContextSession,
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
            # The values of a statement are people's data, and the text of an error may be logged.
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "connection_class": _Driver,
                "server_settings": {
                    "application_name": name,
                    "timezone": "UTC",
                    # Who writes says otherwise with BEGIN.
                    "default_transaction_read_only": "on",
                    "statement_timeout": f"{int(statement_timeout * 1000)}",
                    "lock_timeout": f"{LOCK_TIMEOUT_SECONDS * 1000}",
                    "idle_in_transaction_session_timeout": (f"{IDLE_IN_TRANSACTION_TIMEOUT_SECONDS * 1000}"),
                },
            },
        )
        event.listen(self._engine.sync_engine, "checkout", _replace_if_closed)
        self._sessions = async_sessionmaker(
            self._engine, sync_session_class=session_class, expire_on_commit=False
        )
        self._readings = async_sessionmaker(
            # The same pool, and no BEGIN.
            self._engine.execution_options(isolation_level="AUTOCOMMIT"),
            sync_session_class=session_class,
            expire_on_commit=False,
        )

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session whose statements are READ ONLY."""
        with translated_errors():
            reading = _Reading(self)
            try:
                yield cast("AsyncSession", reading)
            finally:
                await reading.end()

    def session_of_a_reading(self) -> AsyncSession:
        """Open a session that sends no BEGIN, to be closed."""
        return self._readings()

    async def ask(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Run a reading statement by itself, over a connection of the pool, and return its rows."""
        lent = await self._engine.raw_connection()
        try:
            return await cast("asyncpg.Connection", lent.driver_connection).fetch(statement, *values)
        finally:
            await greenlet_spawn(lent.close)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that commits if the block ends well, and rolls back otherwise."""
        with translated_errors():
            async with self._sessions(info={"writes": True}) as session, session.begin():
                yield session

    async def check(self) -> None:
        """Ask the database for a sign of life; raises Unavailable if there is none."""
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


class _Reading:
    """Stands for the session of a reading until it is needed.

    A statement of the driver's own does not need it: to make a session, to have it begin and end takes longer
    than most statements do.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.session: AsyncSession | None = None

    def __getattr__(self, name: str) -> Any:
        if self.session is None:
            self.session = self.database.session_of_a_reading()
        return getattr(self.session, name)

    async def end(self) -> None:
        if self.session is not None:
            # It closes at the end, even for who is cancelled meanwhile; close() alone would not.
            async with self.session:
                pass


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


async def fetch(
    session: AsyncSession, statement: Select[Any], values: Mapping[str, Any]
) -> list[asyncpg.Record]:
    """Run a statement among the session's, and return its rows as the driver gives them.

    The statement is compiled once and kept: it must be one that is put together once. For what is asked all
    the time: half of its time would be SQLAlchemy's.
    """
    text, parameters, constants = _compiled(statement)
    values = {**constants, **values}
    given = [convert(values[name]) if convert else values[name] for name, convert in parameters]
    if isinstance(session, _Reading) and session.session is None:
        return await session.database.ask(text, *given)
    return await (await driver_connection(session)).fetch(text, *given)


@lru_cache(KEPT_STATEMENTS)
def _compiled(statement: Select[Any]) -> tuple[str, Parameters, dict[str, Any]]:
    """Return a statement for the driver, its parameters in their order, and what is constant of them.

    Of each parameter: its name, and what makes a value one that the driver takes, if that is needed.
    """
    dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=dialect)
    parameters: Parameters = [
        (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
        for name in compiled.positiontup or ()
    ]
    constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    return str(compiled), parameters, constants


async def driver_connection(session: AsyncSession) -> asyncpg.Connection:
    """Return the asyncpg connection that the session's statements, or its transaction, run on."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver = cast("asyncpg.Connection", raw.driver_connection)
    if session.info.get("writes") and not driver.is_in_transaction():
        # SQLAlchemy sends BEGIN with its own first statement; without it the driver would commit
        # each statement at once.
        await session.execute(text("SELECT 1"))
    return driver
