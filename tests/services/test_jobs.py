"""Promise: a job exists exactly if its transaction committed, and runs until it is done."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from pgqueuer import Queries
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

from services import jobs
from services.database import Database
from services.jobs import Job, Retry, Worker
from services.migrations import JOB_TABLES
from tests.fixtures.postgres import Postgres, TestDatabase

PATIENCE = 30


@pytest.fixture
def queue(postgres: Postgres) -> TestDatabase:
    made = postgres.empty("lead")
    tables, sequences = ", ".join(JOB_TABLES), ", ".join(f"{each}_id_seq" for each in JOB_TABLES)
    postgres.execute(
        QueryBuilderEnvironment().build_install_query(),
        f"GRANT ALL ON {tables} TO lead_app",
        f"GRANT ALL ON SEQUENCE {sequences} TO lead_app",
        database=made.name,
    )
    return made


@pytest.fixture
async def database(queue: TestDatabase) -> AsyncIterator[Database]:
    opened = Database(queue.url, name="test")
    yield opened
    await opened.close()


class Recorder:
    """Remembers the jobs that were run and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.seen: list[Job] = []
        self.done = asyncio.Event()

    async def __call__(self, job: Job) -> None:
        self.seen.append(job)
        if len(self.seen) <= self.failures:
            raise Retry("not yet", timedelta(milliseconds=10))
        self.done.set()


async def run_until(event: asyncio.Event, queue: TestDatabase, handler: jobs.Handler) -> None:
    stop = asyncio.Event()
    worker = asyncio.create_task(Worker(queue.url, {"work": handler}, concurrency=2).run(stop))
    try:
        async with asyncio.timeout(PATIENCE):
            await event.wait()
    finally:
        stop.set()
        await worker


async def waiting(queue: TestDatabase) -> int:
    connection = await asyncpg.connect(queue.url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM pgqueuer"))
    finally:
        await connection.close()


async def test_a_job_of_a_committed_transaction_is_run(queue: TestDatabase, database: Database) -> None:
    async with database.write() as session:
        made = await jobs.enqueue(session, "work", b"payload")
    recorder = Recorder()
    await run_until(recorder.done, queue, recorder)
    assert [(each.id, each.payload, each.attempts) for each in recorder.seen] == [(made, b"payload", 0)]
    assert await waiting(queue) == 0


async def test_a_job_of_a_transaction_that_rolled_back_never_was(
    queue: TestDatabase, database: Database
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write() as session:
            await jobs.enqueue(session, "work", b"payload")
            raise ZeroDivisionError
    assert await waiting(queue) == 0


async def test_a_second_job_with_the_same_key_is_not_made_while_the_first_waits(
    queue: TestDatabase, database: Database
) -> None:
    async with database.write() as session:
        first = await jobs.enqueue(session, "work", b"1", key="lead-1")
        second = await jobs.enqueue(session, "work", b"2", key="lead-1")
    assert first
    assert not second
    assert await waiting(queue) == 1


async def test_many_jobs_are_made_at_once_and_run_behind_what_is_urgent(
    queue: TestDatabase, database: Database
) -> None:
    async with database.write() as session:
        await jobs.enqueue(session, "work", b"2", key="2")
        keys = [str(each) for each in range(5)]
        payloads = [key.encode() for key in keys]
        made = await jobs.enqueue_all(session, "work", payloads, keys=keys, priority=-1)
        assert [bool(job_id) for job_id in made] == [True, True, False, True, True]
        assert await jobs.enqueue_all(session, "work", []) == []
    assert await waiting(queue) == 5
    connection = await asyncpg.connect(queue.superuser_url)
    rows = await connection.fetch("SELECT payload FROM pgqueuer ORDER BY priority DESC, id")
    await connection.close()
    assert [row["payload"] for row in rows] == [b"2", b"0", b"1", b"3", b"4"]


async def test_a_handler_that_asks_for_a_retry_is_run_again_and_told_how_often(
    queue: TestDatabase, database: Database
) -> None:
    async with database.write() as session:
        await jobs.enqueue(session, "work", b"")
    recorder = Recorder(failures=3)
    await run_until(recorder.done, queue, recorder)
    assert [each.attempts for each in recorder.seen] == [0, 1, 2, 3]


async def test_a_handler_that_keeps_failing_is_given_up_after_the_last_attempt(
    queue: TestDatabase, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "FIRST_DELAY_SECONDS", 0.01)
    async with database.write() as session:
        await jobs.enqueue(session, "work", b"")
    attempts: list[bool] = []
    ended = asyncio.Event()

    async def fail(job: Job) -> None:
        attempts.append(job.is_last_attempt)
        if job.is_last_attempt:
            ended.set()
        raise ValueError("broken")

    await run_until(ended, queue, fail)
    assert attempts == [False] * (jobs.MAXIMUM_ATTEMPTS - 1) + [True]
    assert await waiting(queue) == 0


KILLED = """
import asyncio, sys
from services.jobs import Worker

async def hang(job):
    print("started", flush=True)
    await asyncio.sleep(600)

asyncio.run(Worker(sys.argv[1], {"work": hang}, concurrency=2).run(asyncio.Event()))
"""


async def test_the_job_of_a_killed_worker_is_taken_over_by_another(
    queue: TestDatabase, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT_TIMEOUT", timedelta(seconds=1))
    async with database.write() as session:
        await jobs.enqueue(session, "work", b"precious")
    doomed = subprocess.Popen([sys.executable, "-c", KILLED, queue.url], stdout=subprocess.PIPE)
    assert doomed.stdout is not None
    assert await asyncio.to_thread(doomed.stdout.readline) == b"started\n"
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.wait()
    doomed.stdout.close()
    recorder = Recorder()
    await run_until(recorder.done, queue, recorder)
    assert [each.payload for each in recorder.seen] == [b"precious"]


async def test_the_job_of_a_worker_that_had_no_time_to_end_it_is_run_again(
    queue: TestDatabase, database: Database
) -> None:
    async with database.write() as session:
        await jobs.enqueue(session, "work", b"precious")
    begun = asyncio.Event()

    async def hang(job: Job) -> None:
        begun.set()
        await asyncio.sleep(600)

    stop = asyncio.Event()
    worker = asyncio.create_task(Worker(queue.url, {"work": hang}, concurrency=2).run(stop))
    await asyncio.wait_for(begun.wait(), PATIENCE)
    stop.set()
    await asyncio.sleep(0.1)
    worker.cancel()
    await asyncio.wait([worker], timeout=PATIENCE)
    recorder = Recorder()
    await run_until(recorder.done, queue, recorder)
    assert [each.payload for each in recorder.seen] == [b"precious"]


async def test_a_job_that_could_not_be_put_back_is_run_again(
    queue: TestDatabase, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT_TIMEOUT", timedelta(seconds=1))
    async with database.write() as session:
        await jobs.enqueue(session, "work", b"precious")
    put_back = Queries.retry_job
    lost: list[object] = []

    async def fail_once(queries: Queries, *what: Any) -> None:
        if not lost:
            lost.append(what)
            raise ConnectionRefusedError
        await put_back(queries, *what)

    monkeypatch.setattr(Queries, "retry_job", fail_once)
    recorder = Recorder(failures=1)
    await run_until(recorder.done, queue, recorder)
    assert lost
    assert [each.payload for each in recorder.seen] == [b"precious"] * 2
