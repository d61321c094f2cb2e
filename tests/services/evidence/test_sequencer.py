"""Every entry is sealed once, soon and in one tree, whoever commits when and whatever is killed meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.clock import utc_now
from services.evidence.checkpoints import Checkpoint, CheckpointFile
from services.evidence.examination import examine
from services.evidence.merkle import EMPTY_ROOT
from services.evidence.notes import Signer
from services.evidence.sequencer import Inconsistent, Sealing, Sequencer
from services.ids import uuid7
from tests.fixtures.evidence import (
    ADD,
    ALL_SEALED,
    CONTEXT,
    KEYS,
    SIGNER,
    acting,
    seal,
    sealing,
    sequencing,
)
from tests.fixtures.postgres import TestDatabase


@pytest.fixture
async def connection(lead_database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(lead_database.superuser_url)
    yield opened
    await opened.close()


async def add(connection: asyncpg.Connection, count: int = 1) -> None:
    async with acting(connection):
        for _ in range(count):
            await connection.execute(ADD, uuid7(), f"{uuid7()}@example.com")


async def sealed(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(30):
        while not await connection.fetchval(ALL_SEALED):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def sizes(connection: asyncpg.Connection) -> list[int]:
    rows = await connection.fetch("SELECT size FROM lead_audit_checkpoints ORDER BY size")
    return [row["size"] for row in rows]


async def intact(database: TestDatabase, kept: Path | None = None) -> bool:
    notes = list(CheckpointFile(kept).notes()) if kept else None
    return (await examine(database.superuser_url, KEYS, notes)).damages == []


async def test_an_empty_log_is_signed_as_empty(
    lead_database: TestDatabase, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    await seal(lead_database, sealing(tmp_path / "kept"))
    assert await sizes(connection) == [0]
    (note,) = CheckpointFile(tmp_path / "kept").notes()
    assert Checkpoint.read(note, KEYS).root == EMPTY_ROOT


async def test_nothing_is_signed_twice_when_nothing_happens(
    lead_database: TestDatabase, connection: asyncpg.Connection
) -> None:
    await add(connection)
    for _ in range(3):
        await seal(lead_database, sealing())
    assert await sizes(connection) == [0, 1]


async def test_writers_that_commit_in_any_order_are_all_sealed(
    lead_database: TestDatabase, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """Transactions end in another order than they began in, some after long, some not at all."""
    chance = random.Random(7)

    async def write() -> None:
        writer = await asyncpg.connect(lead_database.superuser_url)
        for _ in range(15):
            transaction = writer.transaction()
            await transaction.start()
            await writer.execute("SELECT set_config('leadfactory.context', $1, true)", CONTEXT)
            await writer.execute(ADD, uuid7(), f"{uuid7()}@example.com")
            await asyncio.sleep(chance.choice((0, 0, 0.01, 0.1)))
            await (transaction.rollback() if chance.random() < 0.2 else transaction.commit())
        await writer.close()

    async with sequencing(lead_database, sealing(tmp_path / "kept")):
        await asyncio.gather(*(write() for _ in range(12)))
        await sealed(connection)
    assert await intact(lead_database, tmp_path / "kept")
    entries = await connection.fetchval("SELECT count(*) FROM lead_audit")
    assert (await sizes(connection))[-1] == entries
    assert entries > 100


async def test_nobody_waits_for_somebody_elses_long_transaction(
    lead_database: TestDatabase, connection: asyncpg.Connection
) -> None:
    slow = await asyncpg.connect(lead_database.superuser_url)
    async with sequencing(lead_database, sealing()):
        async with acting(slow):
            await slow.execute(ADD, uuid7(), "slow@example.com")
            await add(connection, 3)
            await sealed(connection)
            assert (await sizes(connection))[-1] == 3
        await sealed(connection)
        assert (await sizes(connection))[-1] == 4
    await slow.close()


async def test_one_sequencer_works_while_another_stands_by_and_takes_over(
    lead_database: TestDatabase, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    how = sealing(tmp_path / "kept")
    stop = asyncio.Event()
    first = asyncio.create_task(Sequencer(lead_database.url, how, utc_now).run(stop))
    await sealed(connection)
    async with sequencing(lead_database, how):
        await add(connection, 3)
        await sealed(connection)
        assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1
        await connection.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"""
        )
        await add(connection, 3)
        await sealed(connection)
    stop.set()
    await asyncio.gather(first, return_exceptions=True)
    assert await intact(lead_database, tmp_path / "kept")


async def test_a_sequencer_that_is_killed_at_any_time_leaves_a_whole_log(
    lead_database: TestDatabase, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    chance = random.Random(11)
    for _ in range(25):
        await add(connection, 3)
        running = asyncio.create_task(
            Sequencer(lead_database.url, sealing(tmp_path / "kept"), utc_now).run(asyncio.Event())
        )
        await asyncio.sleep(chance.random() * 0.08)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await seal(lead_database, sealing(tmp_path / "kept"))
    assert await intact(lead_database, tmp_path / "kept")
    assert (await sizes(connection))[-1] == 75


async def test_a_checkpoint_that_did_not_get_out_gets_out_later(
    lead_database: TestDatabase, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    await add(connection)
    (tmp_path / "full").mkdir()
    with pytest.raises(OSError, match="full"):
        await seal(lead_database, sealing(tmp_path / "full"))
    await seal(lead_database, sealing(tmp_path / "kept"))
    last = CheckpointFile(tmp_path / "kept").last()
    assert last is not None
    assert Checkpoint.read(last, KEYS).size == 1


async def test_more_than_a_batch_is_sealed_in_one_sweep(
    lead_database: TestDatabase, connection: asyncpg.Connection
) -> None:
    await add(connection, 2500)
    await seal(lead_database, sealing())
    assert await sizes(connection) == [0, 1000, 2000, 2500]
    assert await intact(lead_database)


async def test_an_entry_that_is_none_is_not_signed_and_holds_nothing_up(
    lead_database: TestDatabase, connection: asyncpg.Connection
) -> None:
    await add(connection, 2)
    await connection.execute("ALTER TABLE lead_audit DISABLE TRIGGER guard")
    forged = await connection.fetchval(
        """UPDATE lead_audit SET canonical = overlay(canonical PLACING gen_random_uuid()::text::bytea FROM 10)
            WHERE id = (SELECT id FROM lead_audit ORDER BY id LIMIT 1) RETURNING id"""
    )
    await connection.execute("ALTER TABLE lead_audit ENABLE ALWAYS TRIGGER guard")
    async with sequencing(lead_database, sealing()):
        await add(connection, 2)
        await sealed(connection)
    assert (await sizes(connection))[-1] == 3
    report = await examine(lead_database.superuser_url, KEYS, None)
    assert all(str(forged) in str(damage) for damage in report.damages)
    assert any("older than the newest checkpoint" in damage.what for damage in report.damages)


async def test_numbers_of_transactions_may_begin_anew(
    lead_database: TestDatabase, connection: asyncpg.Connection
) -> None:
    """As after a dump is restored elsewhere: what is there has numbers that are yet to come."""
    await add(connection, 3)
    await seal(lead_database, sealing())
    await add(connection, 2)
    for table, column in (("lead_audit", "transaction_id"), ("lead_audit_checkpoints", "settled")):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER guard")
        await connection.execute(f"UPDATE {table} SET {column} = {column} + 1000000000")
        await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER guard")
    async with sequencing(lead_database, sealing()):
        await add(connection, 2)
        await sealed(connection)
    assert (await sizes(connection))[-1] == 7
    assert await intact(lead_database)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE lead_audit_checkpoints SET note = replace(note, '— ', '- ')", "cannot be believed"),
        ("UPDATE lead_audit_checkpoints SET hashes = '' WHERE size = 3", "cannot be believed"),
        ("UPDATE lead_audit_checkpoints SET hashes = sha256('x') || sha256('y')", "not what was signed"),
        (
            "UPDATE lead_audit_checkpoints SET size = 2, hashes = sha256('x') WHERE size = 3",
            "not what was sig",
        ),
        ("DELETE FROM lead_audit_checkpoints", "none in it"),
        ("DELETE FROM lead_audit_checkpoints WHERE size = 3", "a checkpoint of 3 entries was signed"),
    ],
)
async def test_nothing_more_is_signed_in_a_log_that_is_not_what_was_signed(
    statement: str, why: str, lead_database: TestDatabase, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    await add(connection, 3)
    await seal(lead_database, sealing(tmp_path / "kept"))
    await connection.execute("ALTER TABLE lead_audit_checkpoints DISABLE TRIGGER guard")
    await connection.execute(statement)
    with pytest.raises(Inconsistent, match=why):
        await seal(lead_database, sealing(tmp_path / "kept"))


async def test_nothing_more_is_signed_if_what_was_kept_is_another_log(
    lead_database: TestDatabase, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    await add(connection, 3)
    await seal(lead_database, sealing())
    CheckpointFile(tmp_path / "kept").append(Checkpoint(SIGNER.key.name, 2, b"x" * 32).sign(SIGNER))
    with pytest.raises(Inconsistent, match="another log"):
        await seal(lead_database, sealing(tmp_path / "kept"))


async def test_a_new_key_goes_on_where_the_former_one_left_off(
    lead_database: TestDatabase, connection: asyncpg.Connection, new_signer: Signer
) -> None:
    await add(connection, 3)
    await seal(lead_database, sealing())
    with pytest.raises(Inconsistent, match="no key that is trusted"):
        await seal(lead_database, sealing(signer=new_signer))
    how = sealing(signer=new_signer)
    await add(connection, 3)
    await seal(lead_database, Sealing(how.log, new_signer, KEYS, interval_seconds=0.01))
    report = await examine(lead_database.superuser_url, [new_signer.key, *KEYS], None)
    assert report.damages == []
    report = await examine(lead_database.superuser_url, [new_signer.key], None)
    assert any(damage.place == "checkpoint 3" for damage in report.damages)


@pytest.fixture
def new_signer() -> Signer:
    return Signer(SIGNER.key.name, Ed25519PrivateKey.from_private_bytes(b"n" * 32))
