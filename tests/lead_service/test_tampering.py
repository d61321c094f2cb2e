"""Promise: whatever a superuser does to the audit of leads behind its back is found, and named."""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lead_service.audit_log import LOG
from services.evidence import __main__ as command
from services.evidence import tables
from services.evidence.checkpoints import Checkpoint, CheckpointFile
from services.evidence.examination import examine
from services.evidence.merkle import CompactRange, leaf_hash
from services.evidence.notes import Signer
from services.ids import uuid7
from tests.fixtures.evidence import ADD, KEYS, SIGNER, acting, seal, sealing
from tests.fixtures.postgres import TestDatabase

THIEF = Signer(SIGNER.key.name, Ed25519PrivateKey.from_private_bytes(b"z" * 32))
TABLES = ["leads", "lead_audit", "lead_audit_tree", "lead_audit_checkpoints", "evidence_logs"]


class Thief:
    """Somebody with all rights in the database, and without the key."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.entries: list[asyncpg.Record] = []
        """The first lead's changes, oldest first."""

    @classmethod
    async def connect(cls, url: str) -> "Thief":
        thief = cls(await asyncpg.connect(url))
        thief.entries = await thief.connection.fetch(
            """SELECT e.*, t.number FROM lead_audit e JOIN lead_audit_tree t ON t.entry_id = e.id
                WHERE lead_id = (SELECT min(lead_id::text)::uuid FROM lead_audit) AND version IS NOT NULL
                ORDER BY version"""
        )
        return thief

    @asynccontextmanager
    async def unseen(self) -> AsyncIterator[None]:
        """Switch every trigger off, and on again as it was."""
        triggers = await self.connection.fetch(
            "SELECT tgrelid::regclass::text AS on, tgname, tgenabled = 'A' AS always FROM pg_trigger"
            " WHERE tgrelid = ANY($1::text[]::regclass[]) AND NOT tgisinternal",
            TABLES,
        )
        for each in triggers:
            await self.connection.execute(f"ALTER TABLE {each['on']} DISABLE TRIGGER {each['tgname']}")
        yield
        for each in triggers:
            always = "ALWAYS " if each["always"] else ""
            await self.connection.execute(f"ALTER TABLE {each['on']} ENABLE {always}TRIGGER {each['tgname']}")

    async def execute(self, statement: str, *arguments: Any) -> None:
        async with self.unseen():
            await self.connection.execute(statement, *arguments)

    async def rewrite(self, version: int, *, chain: bool = False, tree: bool = False) -> list[str]:
        """Forge one change's new name, and recompute what follows from it; return the ids that were hit."""
        hit: list[str] = []
        async with self.unseen():
            previous: str | None = None
            for entry in self.entries[version - 1 :]:
                stated = json.loads(entry["canonical"])
                if previous is None:
                    salt = json.loads(entry["salts"])["new"]["name"]
                    forged = hashlib.sha256(f'{salt}{{"name": "Eve"}}'.encode()).hexdigest()
                    stated["new_values"]["name"] = forged
                else:
                    stated["previous_hash"] = previous
                canonical = await self.connection.fetchval(
                    "SELECT convert_to($1::jsonb::text, 'UTF8')", json.dumps(stated)
                )
                await self.connection.execute(
                    """UPDATE lead_audit SET canonical = $2::bytea, entry_hash = sha256($2::bytea),
                              new_values = new_values || $3::jsonb, previous_hash = decode($4, 'hex')
                        WHERE id = $1""",
                    entry["id"],
                    canonical,
                    '{"name": "Eve"}' if previous is None else "{}",
                    stated["previous_hash"],
                )
                if tree:
                    await self.connection.execute(
                        "UPDATE lead_audit_tree SET hash = $2 WHERE entry_id = $1",
                        entry["id"],
                        leaf_hash(canonical),
                    )
                previous = hashlib.sha256(canonical).hexdigest()
                hit.append(str(entry["id"]))
                if not chain:
                    break
            if chain:
                await self.connection.execute(
                    "UPDATE leads SET name = 'Eve' WHERE id = $1 AND $2",
                    self.entries[0]["lead_id"],
                    version == len(self.entries),
                )
        return hit


@pytest.fixture
async def thief(sealed_log: TestDatabase) -> AsyncIterator[Thief]:
    thief = await Thief.connect(sealed_log.superuser_url)
    yield thief
    await thief.connection.close()


Found = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def found(sealed_log: TestDatabase, kept_checkpoints: Path) -> Found:
    """Return what the verifier says, with or without the checkpoints that were kept outside."""

    async def run(*, kept: bool = False) -> list[str]:
        notes = list(CheckpointFile(kept_checkpoints).notes()) if kept else None
        report = await examine(sealed_log.superuser_url, KEYS, notes)
        return [str(each) for each in report.damages]

    return run


def naming(damages: list[str], *parts: str) -> list[str]:
    return [each for each in damages if all(part in each for part in parts)]


async def test_an_honest_log_is_intact(found: Found, sealed_log: TestDatabase) -> None:
    assert await found() == []
    assert await found(kept=True) == []
    report = await examine(sealed_log.superuser_url, KEYS, None)
    assert "15 entries of lead_audit, under a checkpoint of size 15" in report.remarks
    assert any("proved by their chains alone: 0 entries" in each for each in report.remarks)
    assert any("not provable without checkpoints that were kept outside" in each for each in report.remarks)


async def test_the_application_itself_may_have_it_checked(sealed_log: TestDatabase) -> None:
    assert (await examine(sealed_log.url, KEYS, None)).damages == []


async def test_entries_that_are_not_sealed_yet_are_counted_and_no_damage(
    thief: Thief, found: Found, sealed_log: TestDatabase
) -> None:
    async with acting(thief.connection):
        await thief.connection.execute(ADD, uuid7(), "new@example.com")
    assert await found(kept=True) == []
    report = await examine(sealed_log.superuser_url, KEYS, None)
    assert any("proved by their chains alone: 1 entries" in each for each in report.remarks)


CHANGES = {
    "old_values": 'old_values || \'{"name": "Eve"}\'',
    "new_values": 'new_values || \'{"name": "Eve"}\'',
    "bookkeeping": "bookkeeping || '{\"version\": 70}'",
    "salts": "jsonb_set(salts, '{new,name}', '\"00\"')",
    "one value gone": "new_values - 'name'",
    "user_id": "'eve'",
    "roles": "'{viewer}'",
    "workload": "'report'",
    "action": "'DELETE'",
    "code": "'DENIED'",
    "reason": "'X'",
    "ip_address": "'198.51.100.1'",
    "user_agent": "''",
    "request_id": "'other'",
    "method": "'other'",
    "created_at": "created_at + interval '1 microsecond'",
    "changed_fields": "'{email}'",
    "lead_id": "gen_random_uuid()",
    "id": "gen_random_uuid()",
    "version": "70",
    "previous_hash": "sha256('x')",
    "entry_hash": "sha256('x')",
    "canonical": "set_byte(canonical, 9, get_byte(canonical, 9) # 1)",
}


@pytest.mark.parametrize("column", CHANGES)
async def test_a_changed_column_is_found(column: str, thief: Thief, found: Found) -> None:
    entry = thief.entries[1]
    name = "new_values" if column == "one value gone" else column
    await thief.execute(f"UPDATE lead_audit SET {name} = {CHANGES[column]} WHERE id = $1", entry["id"])
    named = str(entry["id"])
    assert naming(await found(), f"entry {named}")


@pytest.mark.parametrize("place", [0, 1, 3])
async def test_a_deleted_entry_is_named(place: int, thief: Thief, found: Found) -> None:
    entry = thief.entries[place]
    await thief.execute("DELETE FROM lead_audit WHERE id = $1", entry["id"])
    damages = await found()
    assert naming(damages, f"entry {entry['id']}", f"it was sealed as number {entry['number']}, and is gone")
    if place < 3:
        assert naming(damages, f"lead_id {entry['lead_id']} version {place + 1}: the entry is missing")
    else:
        assert naming(damages, f"lead_id {entry['lead_id']}: is not what its entries made of it: name")


async def test_an_entry_that_is_deleted_with_its_leaf_is_named(thief: Thief, found: Found) -> None:
    entry = thief.entries[1]
    async with thief.unseen():
        await thief.connection.execute("DELETE FROM lead_audit WHERE id = $1", entry["id"])
        await thief.connection.execute("DELETE FROM lead_audit_tree WHERE entry_id = $1", entry["id"])
    damages = await found()
    assert naming(damages, f"number {entry['number']}: is missing in the tree")
    assert naming(damages, f"{entry['lead_id']} version 2: the entry is missing")


async def test_a_forged_entry_is_named(thief: Thief, found: Found) -> None:
    forged = uuid7()
    await thief.execute(
        "INSERT INTO lead_audit SELECT (jsonb_populate_record(e, $2)).* FROM lead_audit e WHERE id = $1",
        thief.entries[1]["id"],
        json.dumps({"id": str(forged), "version": 9}),
    )
    assert naming(await found(), f"entry {forged}", "its columns are not what was sealed: id, version")


async def test_a_forged_change_that_is_chained_well_is_not_what_the_lead_is(
    thief: Thief, found: Found
) -> None:
    async with acting(thief.connection):
        await thief.connection.execute(
            """SELECT lead_audit_append($1, true, 'UPDATE', 'OK', '', '{"name": "v3"}', '{"name": "Eve"}')""",
            thief.entries[0]["lead_id"],
        )
    assert naming(
        await found(), f"lead_id {thief.entries[0]['lead_id']}: is not what its entries made of it: name"
    )


async def test_swapped_values_are_named(thief: Thief, found: Found) -> None:
    one, two = (str(thief.entries[place]["id"]) for place in (1, 2))
    await thief.execute(
        """UPDATE lead_audit e SET new_values = o.new_values, old_values = o.old_values, salts = o.salts
             FROM lead_audit o WHERE e.id IN ($1, $2) AND o.id IN ($1, $2) AND o.id <> e.id""",
        one,
        two,
    )
    damages = await found()
    assert naming(damages, one, "new_values.name")
    assert naming(damages, two, "new_values.name")


async def test_swapped_places_in_the_tree_are_named(thief: Thief, found: Found) -> None:
    one, two = thief.entries[1], thief.entries[2]
    async with thief.unseen():
        for entry_id, number in ((one["id"], 1000), (two["id"], one["number"]), (one["id"], two["number"])):
            await thief.connection.execute(
                "UPDATE lead_audit_tree SET number = $2 WHERE entry_id = $1", entry_id, number
            )
    damages = await found()
    for entry in (one, two):
        assert naming(damages, f"entry {entry['id']}", "not what was signed as checkpoint")


async def test_a_truncated_audit_is_named_entry_by_entry(thief: Thief, found: Found) -> None:
    await thief.execute("TRUNCATE lead_audit")
    damages = await found()
    assert len(naming(damages, "and is gone")) == 15
    assert len(naming(damages, "lead_id", "is there, and no entry says so")) == 3


async def test_a_truncated_tree_is_named_entry_by_entry(thief: Thief, found: Found) -> None:
    await thief.execute("TRUNCATE lead_audit_tree")
    assert len(naming(await found(), "it is not in the tree, and older than the newest checkpoint")) == 15


async def test_a_log_that_is_gone_altogether_is_missed(thief: Thief, found: Found) -> None:
    await thief.execute("TRUNCATE lead_audit, lead_audit_tree, lead_audit_checkpoints, leads CASCADE")
    assert naming(await found(), "lead_audit_checkpoints: there is no checkpoint")
    assert naming(await found(kept=True), "the checkpoint of size 15 is not in the database")
    await thief.execute("TRUNCATE evidence_logs")
    assert naming(await found(), "evidence_logs: no description")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DROP TRIGGER audit ON leads", "trigger audit on leads: is missing"),
        ("DROP TRIGGER guard ON lead_audit_tree", "trigger guard on lead_audit_tree: is missing"),
        ("ALTER TABLE leads DISABLE TRIGGER audit", "trigger audit on leads: is not defined as it should be"),
        ("ALTER TABLE leads ENABLE REPLICA TRIGGER audit", "trigger audit on leads: is not defined"),
        (
            """CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON leads
               FOR EACH ROW WHEN (pg_trigger_depth() > 0) EXECUTE FUNCTION lead_audit_change()""",
            "trigger audit on leads: is not defined",
        ),
        (
            """CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON leads
               FOR EACH ROW EXECUTE FUNCTION lead_audit_change('email')""",
            "trigger audit on leads: is not defined",
        ),
        (
            """CREATE OR REPLACE FUNCTION lead_audit_change() RETURNS trigger LANGUAGE plpgsql
               AS 'BEGIN RETURN NULL; END'""",
            "function lead_audit_change(): is not defined",
        ),
        (
            """CREATE OR REPLACE FUNCTION lead_audit_append(lead uuid, numbered boolean, act text,
               result text, why text, before jsonb, after jsonb, kept jsonb DEFAULT '{}')
               RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'""",
            "function lead_audit_append(uuid,boolean,text,text,text,jsonb,jsonb,jsonb): is not defined",
        ),
        (
            """CREATE FUNCTION aside() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
               CREATE TRIGGER a BEFORE INSERT ON lead_audit FOR EACH ROW EXECUTE FUNCTION aside()""",
            "trigger a on lead_audit: does not belong there",
        ),
        (
            "CREATE RULE aside AS ON INSERT TO lead_audit DO INSTEAD NOTHING",
            "rule aside on lead_audit: does not belong there",
        ),
    ],
)
async def test_a_guard_that_is_gone_or_other_than_it_was_is_named(
    statement: str, named: str, thief: Thief, found: Found
) -> None:
    await thief.connection.execute(statement)
    assert naming(await found(), named)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE leads SET name = 'Eve' WHERE id = $1", "is not what its entries made of it: name"),
        ("UPDATE leads SET email = 'e@e.example', version = 9 WHERE id = $1", "made of it: email, version"),
        ("DELETE FROM leads WHERE id = $1", "is gone, and no entry says so"),
    ],
)
async def test_a_lead_that_was_changed_past_the_audit_is_named(
    statement: str, named: str, thief: Thief, found: Found
) -> None:
    lead_id = thief.entries[0]["lead_id"]
    await thief.execute(statement, lead_id)
    assert naming(await found(), f"lead_id {lead_id}: ", named)


@pytest.mark.parametrize("place", ["first", "last"])
async def test_a_lead_that_was_added_past_the_audit_is_named(place: str, thief: Thief, found: Found) -> None:
    lead_id = f"{'0' if place == 'first' else 'f'}0000000-0000-7000-8000-000000000000"
    await thief.execute(ADD, lead_id, "eve@example.com")
    assert naming(await found(), f"lead_id {lead_id}: is there, and no entry says so")


@pytest.mark.parametrize("version", [1, 2, 4])
async def test_a_recomputed_entry_is_named(version: int, thief: Thief, found: Found) -> None:
    (hit,) = await thief.rewrite(version)
    assert naming(await found(), f"entry {hit}", "it is not what was signed as checkpoint")


@pytest.mark.parametrize("version", [1, 2, 4])
async def test_a_recomputed_chain_is_named_entry_by_entry(version: int, thief: Thief, found: Found) -> None:
    hit = await thief.rewrite(version, chain=True)
    assert len(hit) == 5 - version
    damages = await found()
    for each in hit:
        assert naming(damages, f"entry {each}", "it is not what was signed as checkpoint")


@pytest.mark.parametrize("version", [1, 2, 4])
async def test_a_recomputed_tree_is_not_what_was_signed(version: int, thief: Thief, found: Found) -> None:
    """All that a thief without the key can recompute; who was sealed together is suspected together."""
    hit = await thief.rewrite(version, chain=True, tree=True)
    damages = await found()
    for each in hit:
        assert naming(
            damages, f"entry {each}", "it, or another of the 3 sealed with it, is not what was signed"
        )
    assert len(damages) == 3 * len(hit)


async def test_a_recomputed_tree_with_its_ranges_is_not_what_was_signed(thief: Thief, found: Found) -> None:
    hit = await thief.rewrite(2, chain=True, tree=True)
    async with thief.unseen():
        tree = CompactRange()
        sizes = [
            row["size"] for row in await thief.connection.fetch("SELECT size FROM lead_audit_checkpoints")
        ]
        for row in await thief.connection.fetch(
            "SELECT hash FROM lead_audit_tree WHERE level = 0 ORDER BY number"
        ):
            tree.append(row["hash"])
            if tree.size in sizes:
                await thief.connection.execute(
                    "UPDATE lead_audit_checkpoints SET hashes = $2 WHERE size = $1",
                    tree.size,
                    tree.to_bytes(),
                )
    damages = await found()
    assert naming(damages, "checkpoint 15: its hashes are not those of the root that is signed")
    assert naming(damages, f"entry {hit[0]}", "not what was signed as checkpoint 6")


async def test_checkpoints_that_somebody_else_signed_are_named(thief: Thief, found: Found) -> None:
    await thief.rewrite(2, chain=True, tree=True)
    tree = CompactRange()
    for row in await thief.connection.fetch(
        "SELECT hash FROM lead_audit_tree WHERE level = 0 ORDER BY number"
    ):
        tree.append(row["hash"])
    await thief.execute(
        "UPDATE lead_audit_checkpoints SET note = $1, hashes = $2 WHERE size = 15",
        Checkpoint(SIGNER.key.name, 15, tree.root()).sign(THIEF),
        tree.to_bytes(),
    )
    assert naming(await found(), "checkpoint 15: no key that is trusted signed the note")


async def test_a_description_that_somebody_else_signed_is_named(thief: Thief, found: Found) -> None:
    forged = LOG.__class__("lead_audit", "lead_id", "leads", ("updated_at", "name"), LOG.guards)
    await thief.execute(
        "INSERT INTO evidence_logs (origin, note) VALUES ($1, $2)", SIGNER.key.name, forged.sign(THIEF)
    )
    assert naming(await found(), "evidence_logs: no key that is trusted signed the note")


@pytest.mark.parametrize("kept", [True, False])
async def test_an_end_that_was_cut_off_is_found_by_the_checkpoints_that_were_kept(
    kept: bool, thief: Thief, found: Found
) -> None:
    """The whole of the last batches, with all that was known of them; without such a file nobody can know."""
    async with thief.unseen():
        await thief.connection.execute(
            "DELETE FROM lead_audit WHERE id IN (SELECT entry_id FROM lead_audit_tree WHERE number >= 12)"
        )
        await thief.connection.execute("DELETE FROM lead_audit_tree WHERE number >= 12")
        await thief.connection.execute("DELETE FROM lead_audit_checkpoints WHERE size > 12")
    damages = await found(kept=kept)
    if kept:
        assert naming(damages, "kept checkpoint 6: the checkpoint of size 15 is not in the database")
        assert [each for number in (12, 13, 14) for each in naming(damages, f"number {number}: is missing")]
    else:
        assert damages == []


async def test_a_sequencer_signs_nothing_more_in_a_log_that_was_cut_off(
    thief: Thief, sealed_log: TestDatabase, kept_checkpoints: Path
) -> None:
    async with thief.unseen():
        await thief.connection.execute("DELETE FROM lead_audit_tree WHERE number >= 12")
        await thief.connection.execute("DELETE FROM lead_audit_checkpoints WHERE size > 12")
    with pytest.raises(Exception, match="a checkpoint of 15 entries was signed, and there are 12"):
        await seal(sealed_log, sealing(kept_checkpoints))


async def test_hashes_above_the_leaves_are_checked(
    thief: Thief, found: Found, sealed_log: TestDatabase
) -> None:
    async with acting(thief.connection):
        for number in range(300):
            await thief.connection.execute(ADD, uuid7(), f"many{number}@example.com")
    await seal(sealed_log, sealing())
    assert await found() == []
    await thief.execute("UPDATE lead_audit_tree SET hash = sha256('x') WHERE level = 8")
    assert await found() == ["hash 0 on level 8 of the tree: is not that of what is below it"]
    await thief.execute("DELETE FROM lead_audit_tree WHERE level = 8")
    assert await found() == ["hash 0 on level 8 of the tree: is missing"]
    await thief.execute("INSERT INTO lead_audit_tree VALUES (16, 0, sha256('x'))")
    assert naming(await found(), "hash 0 on level 16 of the tree: does not belong there")


async def test_a_hash_in_the_tree_is_told_from_the_entry_it_belongs_to(thief: Thief, found: Found) -> None:
    entry = thief.entries[2]
    await thief.execute("UPDATE lead_audit_tree SET hash = sha256('x') WHERE entry_id = $1", entry["id"])
    (damage,) = await found()
    assert f"entry {entry['id']}" in damage
    assert "it is as it was signed, but its hash in the tree is not" in damage


async def test_a_place_in_the_tree_that_cannot_be_costs_nothing(thief: Thief, found: Found) -> None:
    await thief.execute(
        "UPDATE lead_audit_tree SET number = 9e17 WHERE entry_id = $1", thief.entries[2]["id"]
    )
    damages = await found()
    assert naming(damages, f"entry {thief.entries[2]['id']}", "it is in the tree, and under no checkpoint")


async def test_the_tables_of_the_log_are_only_added_to(sealed_log: TestDatabase) -> None:
    for url in (sealed_log.url, sealed_log.owner_url, sealed_log.superuser_url):
        connection = await asyncpg.connect(url)
        for table in (
            "lead_audit",
            "lead_audit_tree",
            "lead_audit_checkpoints",
            "evidence_logs",
            "lead_erasures",
        ):
            for statement in (
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
                f"UPDATE {table} SET created_at = now()",
            ):
                with pytest.raises(asyncpg.PostgresError):
                    await connection.execute(
                        statement.replace("created_at", "hash") if "tree" in table else statement
                    )
        await connection.close()


async def test_the_guards_are_those_that_the_log_describes(sealed_log: TestDatabase) -> None:
    """If a revision meant to change one, this is what `lead_service/audit_log.py` has to say of it."""
    connection = await asyncpg.connect(sealed_log.url)
    found = await tables.guards(connection, LOG.tables, LOG.table)
    await connection.close()
    lines = (f'        "{name}": "{digest}",' for name, digest in sorted(found.items()))
    assert found == LOG.guards, "\n".join(["they are now:", *lines])


def test_a_database_is_checked_from_the_command_line(
    sealed_log: TestDatabase, kept_checkpoints: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["verify", sealed_log.url, "--key", str(SIGNER.key), "--checkpoints", str(kept_checkpoints)]
    assert command.main(arguments) == 0
    assert capsys.readouterr().out.endswith("intact\n")


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/nothing", "postgresql://[", "postgresql://h:x/", "postgresql://"]
)
def test_a_database_that_cannot_be_checked_is_said_so_in_one_line(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", "1")
    assert command.main(["verify", url, "--key", str(SIGNER.key)]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)


def test_a_database_without_a_log_is_said_so_in_one_line(
    lineage_database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["verify", lineage_database.url, "--key", str(SIGNER.key)]) == 2
    assert capsys.readouterr().err == "cannot be checked: the database has no log\n"
