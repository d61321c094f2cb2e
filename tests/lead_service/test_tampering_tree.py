"""Promise: who computes the tree anew, signs for others or takes the guards away is found out."""

from pathlib import Path

import asyncpg
import pytest

from lead_service.audit_log import LOG
from services.evidence import __main__ as command
from services.evidence import tables
from services.evidence.checkpoints import Checkpoint
from services.evidence.merkle import CompactRange
from services.ids import uuid7
from tests.fixtures.evidence import ADD, SIGNER, acting, seal, sealing
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.thief import Found, Thief, naming, strange


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


@pytest.mark.parametrize("version", [1, 2, 4])
async def test_a_recomputed_tree_is_not_what_was_signed(version: int, thief: Thief, found: Found) -> None:
    """All that a thief without the key can recompute; who was sealed together is suspected together."""
    hit = await thief.rewrite(version, tree=True)
    damages = await found()
    for each in hit:
        assert naming(
            damages, f"entry {each}", "it, or another of the 3 sealed with it, is not what was signed"
        )
    assert len(damages) == 3 * len(hit)


async def test_a_recomputed_tree_with_its_ranges_is_not_what_was_signed(thief: Thief, found: Found) -> None:
    hit = await thief.rewrite(2, tree=True)
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
    await thief.rewrite(2, tree=True)
    tree = CompactRange()
    for row in await thief.connection.fetch(
        "SELECT hash FROM lead_audit_tree WHERE level = 0 ORDER BY number"
    ):
        tree.append(row["hash"])
    await thief.execute(
        "UPDATE lead_audit_checkpoints SET note = $1, hashes = $2 WHERE size = 15",
        Checkpoint(SIGNER.key.name, 15, tree.root()).sign(strange(SIGNER)),
        tree.to_bytes(),
    )
    assert naming(await found(), "checkpoint 15: no key that is trusted signed the note")


async def test_a_description_that_somebody_else_signed_is_named(thief: Thief, found: Found) -> None:
    forged = LOG.__class__("lead_audit", "lead_id", "leads", ("updated_at", "name"), LOG.guards)
    await thief.execute(
        "INSERT INTO evidence_logs (origin, note) VALUES ($1, $2)",
        SIGNER.key.name,
        forged.sign(strange(SIGNER)),
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
    report_database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["verify", report_database.url, "--key", str(SIGNER.key)]) == 2
    assert capsys.readouterr().err == "cannot be checked: the database has no log\n"
