"""Promise: whatever a superuser does to the access audit behind its back is found, and named."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lineage_service.audit_log import LOG
from services import migrations
from services.evidence import __main__ as command
from services.evidence import tables
from services.evidence.examination import examine
from services.evidence.log import Log
from services.ids import uuid7
from tests.fixtures.evidence import seal, sealing
from tests.fixtures.postgres import Postgres, TestDatabase
from tests.fixtures.thief import Found, Target, Thief, naming
from tests.lineage_service.sealed import ENTRIES, KEYS, SIGNER, populate


@pytest.fixture(scope="session")
def sealed_lineages(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TestDatabase, Path]:
    """Make a log once, which nobody changes, and the checkpoints that were kept outside of it."""
    made, outside = postgres.migrated("lineage"), tmp_path_factory.mktemp("outside") / "lineage"
    asyncio.run(populate(made, outside))
    return made, outside


@pytest.fixture
def sealed(postgres: Postgres, sealed_lineages: tuple[TestDatabase, Path]) -> Iterator[TestDatabase]:
    """Make a log that may be tampered with."""
    made = postgres.copy("lineage", sealed_lineages[0])
    yield made
    postgres.drop(made)


def _pose(stated: dict[str, Any], _: asyncpg.Record) -> None:
    stated["subject"] = "eve"


@pytest.fixture
def target(sealed: TestDatabase, sealed_lineages: tuple[TestDatabase, Path]) -> Target:
    return Target(sealed, LOG, KEYS, sealed_lineages[1], forge=_pose, columns="subject = 'eve'")


async def test_an_honest_log_is_intact(
    found: Found, sealed: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await found(kept=True) == []
    ran = await asyncio.to_thread(command.main, ["verify", sealed.url, "--key", str(SIGNER.key)])
    assert ran == command.INTACT
    assert f"{ENTRIES} entries of lineage_accesses, under a checkpoint" in capsys.readouterr().out


async def test_the_command_names_a_damage_and_says_so_with_its_status(
    thief: Thief, sealed: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    await thief.execute("DELETE FROM lineage_accesses WHERE id = $1", thief.entries[1]["id"])
    arguments = ["verify", sealed.url, "--key", str(SIGNER.key)]
    assert await asyncio.to_thread(command.main, arguments) == command.DAMAGED
    assert f"damaged: entry {thief.entries[1]['id']}: it was sealed" in capsys.readouterr().out


CHANGES = {
    "lineage_id": "gen_random_uuid()",
    "report_generation_id": "gen_random_uuid()",
    "version": "70",
    "action": "'DOWNLOAD'",
    "part": "7",
    "subject": "'eve'",
    "roles": "'{viewer}'",
    "workload": "'report'",
    "ip": "'198.51.100.1'",
    "user_agent": "''",
    "request_id": "'other'",
    "method": "'other'",
    "created_at": "created_at + interval '1 microsecond'",
    "details": "'{\"filter\": 1}'",
    "salt": "'00'",
    "code": "'DENIED'",
    "sent_bytes": "70",
    "previous_hash": "sha256('x')",
    "canonical": "set_byte(canonical, 9, get_byte(canonical, 9) # 1)",
    "entry_hash": "sha256('x')",
    "id": "gen_random_uuid()",
}


@pytest.mark.parametrize("column", CHANGES)
async def test_a_changed_column_is_found(column: str, thief: Thief, found: Found) -> None:
    entry = thief.entries[1]
    await thief.execute(
        f"UPDATE lineage_accesses SET {column} = {CHANGES[column]} WHERE id = $1", entry["id"]
    )
    assert naming(await found(), f"entry {entry['id']}")


async def test_an_edit_of_what_was_recorded_is_found_in_the_entry_and_in_the_record(
    thief: Thief, found: Found
) -> None:
    lineage_id = thief.entries[0]["lineage_id"]
    await thief.execute(
        "UPDATE lineage_accesses SET record = jsonb_set(record, '{pdf_sha256}', '\"x\"') WHERE id = $1",
        thief.entries[0]["id"],
    )
    assert naming(await found(), f"entry {thief.entries[0]['id']}", "not what was sealed: record")
    await thief.execute(
        "UPDATE lineage_records SET pdf_sha256 = sha256('x'), created_by = 'eve' WHERE lineage_id = $1",
        lineage_id,
    )
    assert naming(
        await found(), f"lineage_id {lineage_id}: is not what its entries made of it: created_by, pdf_sha256"
    )


async def test_a_record_that_is_gone_or_was_never_entered_is_named(thief: Thief, found: Found) -> None:
    lineage_id, forged = thief.entries[0]["lineage_id"], uuid7()
    await thief.connection.execute(
        """INSERT INTO lineage_records SELECT (jsonb_populate_record(r, $2)).* FROM lineage_records r
            WHERE lineage_id = $1""",
        lineage_id,
        json.dumps({"lineage_id": str(forged), "report_generation_id": str(forged)}),
    )
    assert naming(await found(), f"lineage_id {forged}: is there, and no entry says so")
    for table in ("lineage_parts", "lineage_logs", "lineage_log_words", "lineage_records"):
        await thief.execute(f"DELETE FROM {table} WHERE lineage_id = $1", lineage_id)
    assert naming(await found(), f"lineage_id {lineage_id}: is gone, and no entry says so")


@pytest.mark.parametrize("place", [0, 2, 4])
async def test_a_deleted_entry_is_named(place: int, thief: Thief, found: Found) -> None:
    """The first, one in the middle, and the last of its lineage."""
    entry = thief.entries[place]
    await thief.execute("DELETE FROM lineage_accesses WHERE id = $1", entry["id"])
    damages = await found()
    assert naming(damages, f"entry {entry['id']}", f"it was sealed as number {entry['number']}, and is gone")
    if place < 4:
        assert naming(damages, f"lineage_id {entry['lineage_id']} version {place + 1}: the entry is missing")


async def test_the_newest_entry_of_all_is_missed_with_its_leaf_and_its_checkpoint(
    thief: Thief, found: Found
) -> None:
    async with thief.unseen():
        for statement in (
            f"""DELETE FROM lineage_accesses WHERE id =
                (SELECT entry_id FROM lineage_accesses_tree WHERE number = {ENTRIES - 1})""",
            f"DELETE FROM lineage_accesses_tree WHERE number = {ENTRIES - 1}",
            f"DELETE FROM lineage_accesses_checkpoints WHERE size = {ENTRIES}",
        ):
            await thief.connection.execute(statement)
    assert naming(await found(kept=True), f"the checkpoint of size {ENTRIES} is not in the database")


async def test_a_forged_entry_is_named(thief: Thief, found: Found) -> None:
    forged = uuid7()
    await thief.execute(
        "INSERT INTO lineage_accesses SELECT (jsonb_populate_record(e, $2)).* FROM lineage_accesses e"
        " WHERE id = $1",
        thief.entries[1]["id"],
        json.dumps({"id": str(forged), "version": 9}),
    )
    assert naming(await found(), f"entry {forged}", "its columns are not what was sealed: id, version")


async def test_swapped_places_in_the_tree_are_named(thief: Thief, found: Found) -> None:
    one, two = thief.entries[1], thief.entries[2]
    async with thief.unseen():
        for entry_id, number in ((one["id"], 1000), (two["id"], one["number"]), (one["id"], two["number"])):
            await thief.connection.execute(
                "UPDATE lineage_accesses_tree SET number = $2 WHERE entry_id = $1", entry_id, number
            )
    damages = await found()
    for entry in (one, two):
        assert naming(damages, f"entry {entry['id']}", "not what was signed as checkpoint")


async def test_swapped_entries_are_named(thief: Thief, found: Found) -> None:
    one, two = thief.entries[1], thief.entries[2]
    async with thief.unseen():
        for entry_id, version in ((one["id"], 70), (two["id"], 2), (one["id"], 3)):
            await thief.connection.execute(
                "UPDATE lineage_accesses SET version = $2 WHERE id = $1", entry_id, version
            )
    damages = await found()
    for entry in (one, two):
        assert naming(damages, f"entry {entry['id']}", "not what was sealed: version")


async def test_a_truncated_audit_and_a_truncated_tree_are_named_entry_by_entry(
    thief: Thief, found: Found
) -> None:
    await thief.execute("TRUNCATE lineage_accesses")
    damages = await found()
    assert len(naming(damages, "and is gone")) == ENTRIES
    assert len(naming(damages, "lineage_id", "is there, and no entry says so")) == 2
    await thief.execute("TRUNCATE lineage_accesses_tree, lineage_accesses_checkpoints")
    assert naming(await found(kept=True), "the checkpoint of size 12 is not in the database")


@pytest.mark.parametrize("tree", [False, True], ids=["chain", "chain and tree"])
async def test_recomputed_hashes_name_each_entry_or_those_sealed_with_it(
    tree: bool, thief: Thief, found: Found
) -> None:
    hit = await thief.rewrite(2, tree=tree)
    damages = await found()
    assert all(naming(damages, f"entry {each}") for each in hit)
    assert not naming(damages, f"entry {thief.entries[0]['id']}")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DROP TRIGGER append ON lineage_accesses", "trigger append on lineage_accesses: is missing"),
        ("DROP TRIGGER guard ON lineage_records", "trigger guard on lineage_records: is missing"),
        (
            "DROP TRIGGER guard ON lineage_accesses_tree",
            "trigger guard on lineage_accesses_tree: is missing",
        ),
        (
            "ALTER TABLE lineage_accesses DISABLE TRIGGER no_delete",
            "trigger no_delete on lineage_accesses: is not defined as it should be",
        ),
        (
            """CREATE OR REPLACE FUNCTION lineage_access_append() RETURNS trigger LANGUAGE plpgsql
               AS 'BEGIN RETURN NULL; END'""",
            "function lineage_access_append(): is not defined",
        ),
        (
            """CREATE OR REPLACE FUNCTION lineage_forget_details(older_than timestamptz, most integer)
               RETURNS bigint LANGUAGE sql AS 'SELECT 7::bigint'""",
            "function lineage_forget_details(timestamp with time zone,integer): is not defined",
        ),
        (
            "CREATE RULE aside AS ON INSERT TO lineage_accesses DO INSTEAD NOTHING",
            "rule aside on lineage_accesses: does not belong there",
        ),
    ],
)
async def test_a_guard_that_is_gone_or_other_than_it_was_is_named(
    statement: str, named: str, thief: Thief, found: Found
) -> None:
    await thief.connection.execute(statement)
    assert naming(await found(), named)


async def test_details_may_be_forgotten_if_an_entry_says_so(
    thief: Thief, found: Found, sealed: TestDatabase
) -> None:
    await thief.connection.execute(
        "UPDATE lineage_accesses SET details = '{}', salt = '' WHERE details <> '{}'"
    )
    assert len(naming(await found(), "values of it are gone, and no entry says that they were erased")) == 2
    await thief.connection.execute(
        """INSERT INTO lineage_accesses (id, action, subject, roles, user_agent, request_id, method,
               created_at, details, code, sent_bytes, forgotten_before)
           SELECT $1, 'FORGET', 'ada', '{}', '', '', '', now(), '{}', 'OK', 0,
                  max(created_at) + interval '1 us'
             FROM lineage_accesses""",
        uuid7(),
    )
    assert await found() == []
    await seal(sealed, sealing(None, SIGNER, LOG))
    assert await found() == []


async def test_what_was_recorded_before_there_was_a_log_is_sealed_too(postgres: Postgres) -> None:
    made = await asyncio.to_thread(postgres.empty, "lineage")
    await asyncio.to_thread(migrations.upgrade, "lineage_service", made.owner_url, "0006")
    owner = await asyncpg.connect(made.superuser_url)
    await owner.execute(
        """INSERT INTO lineage_records SELECT $1, $1, $1, 'run', 't@1.0.0', digest, digest, now(), now(), 1,
               digest, digest, '{1}', ARRAY[digest], 27, 20, digest, 'ada', now(), digest, 1
             FROM sha256('') AS digest""",
        uuid7(),
    )
    add = """INSERT INTO lineage_accesses (id, lineage_id, action, subject, roles, user_agent, request_id,
                 method, created_at, details, code, sent_bytes)
             SELECT $1, lineage_id, $2, 'ada', '{}', '', '', '', now(), $3, 'OK', 0 FROM lineage_records"""
    for action, details in (("VIEW", "{}"), ("DIFF", '{"a": 1}'), ("DIFF", '{"a": 2}')):
        await owner.execute(add, uuid7(), action, details)
    await owner.execute("UPDATE lineage_accesses SET details = '{}', salt = '' WHERE details = '{\"a\": 1}'")
    await asyncio.to_thread(migrations.upgrade, "lineage_service", made.owner_url)
    assert [
        row["action"] for row in await owner.fetch("SELECT action FROM lineage_accesses ORDER BY id")
    ] == [*("VIEW", "DIFF", "DIFF", "RECORD", "FORGET")]
    await seal(made, sealing(None, SIGNER, LOG))
    report = await examine(made.superuser_url, KEYS, None)
    assert report.damages == []
    assert "5 entries of lineage_accesses, under a checkpoint of size 5" in report.remarks
    await owner.close()
    await asyncio.to_thread(postgres.drop, made)


async def test_the_application_may_not_enter_a_record_twice_nor_one_that_there_is_not(
    thief: Thief, sealed: TestDatabase
) -> None:
    app = await asyncpg.connect(sealed.url)
    add = """INSERT INTO lineage_accesses (id, lineage_id, action, subject, roles, user_agent, request_id,
                 method, created_at, details, code, sent_bytes, record)
             VALUES ($1, $2, 'RECORD', 'eve', '{}', '', '', '', now(), '{}', 'OK', 0,
                 '{"pdf_sha256": "x"}')"""
    with pytest.raises(asyncpg.UniqueViolationError):
        await app.execute(add, uuid7(), thief.entries[0]["lineage_id"])
    with pytest.raises(asyncpg.CheckViolationError, match="ck_lineage_accesses_record"):
        await app.execute(add, uuid7(), uuid7())
    await app.close()


async def test_the_guards_are_those_that_the_log_describes(sealed: TestDatabase) -> None:
    """A revision that changes one changes `lineage_service/audit_log.py`, to what this prints."""
    connection = await asyncpg.connect(sealed.url)
    found = await tables.guards(connection, LOG.tables, LOG.functions)
    await connection.close()
    lines = (f'        "{name}": "{digest}",' for name, digest in sorted(found.items()))
    assert found == LOG.guards, "\n".join(["they are now:", *lines])


def test_the_log_is_described_whole_and_signed() -> None:
    assert Log.read(LOG.sign(SIGNER), KEYS) == LOG
    with pytest.raises(ValueError, match="no plain name"):
        Log("t", "s", "l", (), {}, live_id="id; DROP TABLE t")
