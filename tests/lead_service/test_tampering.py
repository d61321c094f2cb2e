"""Promise: whatever a superuser does to the audit of leads behind its back is found, and named."""

import json

import pytest

from lead_service.tables import AuditRow
from services.evidence.examination import examine
from services.ids import uuid7
from tests.fixtures.evidence import ADD, KEYS, acting
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.thief import Found, Thief, naming


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
    "salts": "jsonb_set(salts, '{values}', '\"00\"')",
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


STORED = [each.name for each in AuditRow.__table__.columns if each.computed is None]


async def test_a_forged_entry_is_named(thief: Thief, found: Found) -> None:
    forged = uuid7()
    await thief.execute(
        f"INSERT INTO lead_audit ({', '.join(STORED)})"
        f" SELECT {', '.join(f'forged.{name}' for name in STORED)}"
        " FROM lead_audit e, jsonb_populate_record(e, $2) AS forged WHERE e.id = $1",
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
    assert naming(damages, one, "what was sealed: values")
    assert naming(damages, two, "what was sealed: values")


async def test_a_truncated_audit_is_named_entry_by_entry(thief: Thief, found: Found) -> None:
    await thief.execute("TRUNCATE lead_audit")
    damages = await found()
    assert len(naming(damages, "and is gone")) == 15
    assert len(naming(damages, "lead_id", "is there, and no entry says so")) == 3


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
    (hit,) = await thief.rewrite(version, chain=False)
    assert naming(await found(), f"entry {hit}", "it is not what was signed as checkpoint")


@pytest.mark.parametrize("version", [1, 2, 4])
async def test_a_recomputed_chain_is_named_entry_by_entry(version: int, thief: Thief, found: Found) -> None:
    hit = await thief.rewrite(version)
    assert len(hit) == 5 - version
    damages = await found()
    for each in hit:
        assert naming(damages, f"entry {each}", "it is not what was signed as checkpoint")
