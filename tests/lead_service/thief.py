"""A superuser who changes the log of leads, and what the verifier then says."""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.evidence.merkle import leaf_hash
from services.evidence.notes import Signer
from tests.fixtures.evidence import SIGNER
from tests.lead_service.recomputed import commitment

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
                    new, old, salts = (
                        json.loads(entry[each]) for each in ("new_values", "old_values", "salts")
                    )
                    forged = {"new": new | {"name": "Eve"}, "old": old}
                    stated["values"] = commitment(salts["values"], forged)
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


Found = Callable[..., Awaitable[list[str]]]


def naming(damages: list[str], *parts: str) -> list[str]:
    return [each for each in damages if all(part in each for part in parts)]
