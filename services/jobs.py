"""Background jobs: PgQueuer in each context's own database.

A job is put on the session's own connection, so it exists exactly if its transaction committed. It
is run at least once: a handler must be safe to run again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import structlog
from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, Queries, QueueManager, RetryRequested
from pgqueuer import Job as QueuedJob
from pgqueuer.models import TracebackRecord
from sqlalchemy.ext.asyncio import AsyncSession

from services import telemetry
from services.database import driver_connection
from services.pacing import full_jitter

# A worker that shows no sign of life for this long loses its jobs to another one.
HEARTBEAT_TIMEOUT = timedelta(seconds=10)
# LISTEN wakes a worker at once; this is how long a lost notification can go unnoticed.
POLL_INTERVAL = timedelta(seconds=2)
MAXIMUM_ATTEMPTS = 6
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
JOB_LEFT = "job.left"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Job:
    """One run of one job."""

    id: str
    payload: bytes
    attempts: int
    """How often this job was tried before."""

    @property
    def is_last_attempt(self) -> bool:
        """True if a failure of this run is final."""
        return self.attempts + 1 >= MAXIMUM_ATTEMPTS


class Retry(Exception):
    """Raised by a handler that wants to be run again after a delay of its own choosing."""

    def __init__(self, reason: str, delay: timedelta) -> None:
        """Say why, for the log, and when."""
        super().__init__(reason)
        self.delay = delay


Handler = Callable[[Job], Awaitable[None]]


async def enqueue(
    session: AsyncSession,
    entrypoint: str,
    payload: bytes,
    *,
    key: str | None = None,
    delay: timedelta | None = None,
) -> str:
    """Put a job into the session's transaction and return its id.

    While a job with the same ``key`` waits or runs, no second one is made; the id is then empty.
    """
    queries = Queries(AsyncpgDriver(await driver_connection(session)))
    made = await queries.enqueue(entrypoint, payload, execute_after=delay, dedupe_key=key, on_conflict="skip")
    return str(made[0]) if made and made[0] is not None else ""


async def enqueue_all(
    session: AsyncSession,
    entrypoint: str,
    payloads: Sequence[bytes],
    *,
    keys: Sequence[str] | None = None,
    priority: int = 0,
) -> list[str]:
    """Put many jobs into the session's transaction and return their ids, in the order of the payloads.

    Jobs of a higher priority are run first; others have 0. As with ``enqueue``, a key that stands for a
    job makes no second; its id is empty then.
    """
    if not payloads:
        return []
    count = len(payloads)
    queries = Queries(AsyncpgDriver(await driver_connection(session)))
    made = await queries.enqueue(
        [entrypoint] * count,
        list(payloads),
        [priority] * count,
        [None] * count,
        list(keys) if keys is not None else [None] * count,
        on_conflict="skip",
    )
    return ["" if each is None else str(each) for each in made]


class Worker:
    """Runs jobs until told to stop, then lets the running ones end."""

    def __init__(self, url: str, handlers: Mapping[str, Handler], *, concurrency: int) -> None:
        """Take the database's plain DSN, a handler for each entry point, and how many run at once."""
        self._url = url
        self._handlers = handlers
        self._concurrency = max(2, concurrency)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; raises if the database is lost."""
        async with asyncpg.create_pool(
            self._url,
            min_size=1,
            max_size=4,
            timeout=5,
            server_settings={"application_name": "jobs"},
        ) as pool:
            manager = QueueManager(_Queue(AsyncpgPoolDriver(pool)))
            for entrypoint, handler in self._handlers.items():
                manager.entrypoint(entrypoint)(_once(entrypoint, handler))
            stopper = asyncio.create_task(_forward(stop, manager.shutdown))
            try:
                await manager.run(
                    dequeue_timeout=POLL_INTERVAL,
                    batch_size=self._concurrency // 2,
                    max_concurrent_tasks=self._concurrency,
                    heartbeat_timeout=HEARTBEAT_TIMEOUT,
                    shutdown_on_listener_failure=True,
                )
            finally:
                stopper.cancel()


class _Queue(Queries):
    async def retry_job(
        self, job: QueuedJob, delay: timedelta, traceback_record: TracebackRecord | None
    ) -> None:
        """Put a job back; one that cannot be, because the database is gone, is left as it is.

        PgQueuer would drop it as failed as soon as the database is back. Left alone, it shows no
        more sign of life, and is taken over like the job of a killed worker.
        """
        try:
            await super().retry_job(job, delay, traceback_record)
        except Exception:
            log.exception(JOB_LEFT, job=str(job.id))


def backoff(attempts: int) -> timedelta:
    """Return how long to wait before a job is run again, spread by full jitter."""
    return timedelta(seconds=full_jitter(attempts, FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS))


def _once(entrypoint: str, handler: Handler) -> Callable[[QueuedJob], Awaitable[None]]:
    async def run(queued: QueuedJob) -> None:
        job = Job(str(queued.id), queued.payload or b"", queued.attempts)
        try:
            await handler(job)
        except Retry as retry:
            delay, reason = retry.delay, str(retry)
        except asyncio.CancelledError:
            # Only a worker that ends before its job does this. PgQueuer would drop the job as cancelled.
            delay, reason = timedelta(0), "the worker was stopped"
        except Exception as error:
            if job.is_last_attempt:
                telemetry.JOBS.labels(entrypoint, "failed").inc()
                log.exception(telemetry.JOB_FAILED, entrypoint=entrypoint, job=job.id)
                raise
            delay, reason = backoff(job.attempts), repr(error)
        else:
            telemetry.JOBS.labels(entrypoint, "done").inc()
            return
        telemetry.JOBS.labels(entrypoint, "retried").inc()
        log.warning(
            telemetry.JOB_RETRIED,
            entrypoint=entrypoint,
            job=job.id,
            attempts=job.attempts + 1,
            seconds=round(delay.total_seconds(), 2),
            reason=reason,
        )
        raise RetryRequested(delay, reason)

    return run


async def _forward(stop: asyncio.Event, shutdown: asyncio.Event) -> None:
    await stop.wait()
    shutdown.set()
