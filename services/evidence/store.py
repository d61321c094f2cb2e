"""A log in its database: every SQL statement but those that check the whole of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from services.evidence.entries import SIDES, Opening, Openings, named
from services.evidence.ledger import StoredCheckpoint, StoredEntry
from services.evidence.log import Log
from services.evidence.merkle import Node, Span

# One column with what an entry's commitments were made of, as PostgreSQL writes its JSON. The salts tell
# whether that is all values together or each.
_OF_VALUES = """CASE WHEN e.salts ? 'values' THEN jsonb_build_object(
    'values', jsonb_build_object(
        'values', jsonb_build_object('new', e.new_values, 'old', e.old_values)::text),
    'salts', jsonb_build_object('values', e.salts))
ELSE jsonb_build_object(
    'old', (SELECT jsonb_object_agg(key, jsonb_build_object(key, value)::text) FROM jsonb_each(e.old_values)),
    'new', (SELECT jsonb_object_agg(key, jsonb_build_object(key, value)::text) FROM jsonb_each(e.new_values)),
    'salts', e.salts) END::text"""
# Details that were erased are an empty object without a salt; others may be an empty object with one.
_OF_DETAILS = """jsonb_build_object(
    'details', CASE WHEN e.salt <> '' OR e.details <> '{}'
                    THEN jsonb_build_object('details', e.details::text) END,
    'salts', CASE WHEN e.salt <> ''
                  THEN jsonb_build_object('details', jsonb_build_object('details', e.salt)) END)::text"""
# A row as it is, in the same form.
LIVE = """(SELECT jsonb_object_agg(key, jsonb_build_object(key, value)::text)
    FROM jsonb_each(to_jsonb(l) - $1::text[]))::text"""
_ABOUT = "e.{subject} = $2"
# With it comes the entry that says which details may be missing.
_ABOUT_WITH_FORGETTING = """e.{subject} = $2 OR e.id = (
    SELECT id FROM {table} WHERE forgotten_before IS NOT NULL ORDER BY forgotten_before DESC LIMIT 1)"""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """An entry that is not in the tree yet."""

    id: UUID
    transaction_id: int
    canonical: bytes
    entry_hash: bytes
    created_at: datetime


class LogStore:
    """A log inside one transaction, or on a connection of its own."""

    def __init__(self, connection: asyncpg.Connection, log: Log) -> None:
        """Speak on the connection."""
        self._connection = connection
        self._log = log

    async def horizons(self) -> tuple[int, int]:
        """Return the oldest transaction that may still be writing, and the next one that will begin."""
        row = await self._connection.fetchrow(
            """SELECT pg_snapshot_xmin(now)::text::bigint AS oldest,
                      pg_snapshot_xmax(now)::text::bigint AS next FROM pg_current_snapshot() AS now"""
        )
        assert row is not None
        return row["oldest"], row["next"]

    async def unsealed(
        self, after: tuple[int, UUID], before: int | None, limit: int
    ) -> tuple[list[Unsealed], tuple[int, UUID] | None]:
        """Return entries that are not in the tree, of transactions before one, in a lasting order."""
        rows = await self._connection.fetch(
            f"""SELECT e.id, e.transaction_id, e.canonical, e.entry_hash, e.created_at
                  FROM {self._log.table} e
                 WHERE (e.transaction_id, e.id) > ($1, $2) AND ($3::bigint IS NULL OR e.transaction_id < $3)
                   AND NOT EXISTS (SELECT FROM {self._log.table}_tree t WHERE t.entry_id = e.id)
                 ORDER BY e.transaction_id, e.id LIMIT $4""",
            *after,
            before,
            limit,
        )
        entries = [Unsealed(**row) for row in rows]
        return entries, (entries[-1].transaction_id, entries[-1].id) if len(entries) == limit else None

    async def append(self, nodes: Sequence[tuple[Node, bytes, UUID | None]], made: StoredCheckpoint) -> None:
        """Add to the tree, and the checkpoint that covers it."""
        await self._connection.copy_records_to_table(
            f"{self._log.table}_tree",
            records=[(*node, value, entry_id) for node, value, entry_id in nodes],
            columns=["level", "number", "hash", "entry_id"],
        )
        await self._connection.execute(
            f"INSERT INTO {self._log.table}_checkpoints (size, note, key, hashes, settled)"
            " VALUES ($1, $2, $3, $4, $5)",
            made.size,
            made.note,
            made.key,
            made.hashes,
            made.settled,
        )

    async def checkpoint(self, size: int | None = None) -> StoredCheckpoint | None:
        """Return the checkpoint of that size, or the newest one; None if there is none."""
        row = await self._connection.fetchrow(
            f"""SELECT size, note, key, hashes, settled, created_at FROM {self._log.table}_checkpoints
                 WHERE $1::bigint IS NULL OR size = $1 ORDER BY size DESC LIMIT 1""",
            size,
        )
        return StoredCheckpoint(**row) if row else None

    async def hashes(self, spans: Iterable[Span]) -> Mapping[Span, Sequence[bytes]]:
        """Return stored hashes of the tree; raises LookupError if one is missing."""
        wanted = sorted(spans)
        rows = await self._connection.fetch(
            f"""SELECT s.at, array_agg(t.hash ORDER BY t.number) AS hashes
                  FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY
                       AS s(level, first, last, at)
                  JOIN {self._log.table}_tree t
                       ON t.level = s.level AND t.number >= s.first AND t.number < s.last
                 GROUP BY s.at""",
            [span.level for span in wanted],
            [span.start for span in wanted],
            [span.end for span in wanted],
        )
        found = {wanted[row["at"] - 1]: row["hashes"] for row in rows}
        for span in wanted:
            if len(found.get(span, ())) != span.end - span.start:
                raise LookupError(f"of the tree's level {span.level}, hashes after {span.start} are missing")
        return found

    async def number(self, entry_id: UUID) -> int | None:
        """Return an entry's place in the tree; None if it has none."""
        return await self._connection.fetchval(  # type: ignore[no-any-return]  # asyncpg has no types of values
            f"SELECT number FROM {self._log.table}_tree WHERE entry_id = $1", entry_id
        )

    async def knows(self, entry_id: UUID) -> bool:
        """Return whether there is such an entry, in the tree or not yet."""
        return bool(
            await self._connection.fetchval(
                f"SELECT EXISTS (SELECT FROM {self._log.table} WHERE id = $1)", entry_id
            )
        )

    async def about(self, subject: UUID) -> tuple[list[StoredEntry], Mapping[str, str] | None]:
        """Return all entries about a subject, changes first and oldest first, and what it is now.

        What it is, by column, is `{"column": value}`; None if it is not there. Both are of one moment.
        """
        log = self._log
        about = _ABOUT_WITH_FORGETTING if log.has_details else _ABOUT
        about = about.format(subject=log.subject_field, table=log.table)
        rows = await self._connection.fetch(
            f"""SELECT e.id, e.canonical, {openings_of(log)} AS openings, t.number,
                       CASE WHEN row_number() OVER () = 1
                            THEN (SELECT {LIVE} FROM {log.live} l WHERE l.{log.live_id} = $2) END AS now
                  FROM {log.table} e LEFT JOIN {log.table}_tree t ON t.entry_id = e.id
                 WHERE {about} ORDER BY e.version NULLS LAST, e.created_at, e.id""",
            list(log.unaudited),
            subject,
        )
        now = next((row["now"] for row in rows if row["now"]), None)
        entries = [
            StoredEntry(row["id"], row["canonical"], openings(row["openings"])[0], row["number"])
            for row in rows
        ]
        return entries, None if now is None else orjson.loads(now)

    async def describe(self, origin: str, note: str) -> None:
        """Add the log's description to the database, unless it is the newest one already."""
        await self._connection.execute(
            """INSERT INTO evidence_logs (origin, note) SELECT $1, $2 WHERE $2 IS DISTINCT FROM
                 (SELECT note FROM evidence_logs WHERE origin = $1 ORDER BY id DESC LIMIT 1)""",
            origin,
            note,
        )


def openings_of(log: Log) -> str:
    """Return the column of what the commitments of an entry `e` were made of."""
    return _OF_DETAILS if log.has_details else _OF_VALUES


def openings(text: str) -> tuple[Openings, list[str]]:
    """Read that column, and name the values that have no salt, and salts that have no value."""
    stored = orjson.loads(text)
    paired: dict[str, dict[str, Opening]] = {}
    alone: list[str] = []
    for side in (each for each in SIDES if each in stored):
        values, salts = stored[side] or {}, (stored["salts"] or {}).get(side) or {}
        paired[side] = {name: Opening(salts[name], values[name]) for name in values if name in salts}
        alone += (named(side, name) for name in sorted(values.keys() ^ salts.keys()))
    return paired, alone
