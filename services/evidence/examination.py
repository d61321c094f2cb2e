"""Check a whole log in its database: every row, every chain, the tree, every checkpoint, and the guards.

Everything is recomputed from the rows, in one snapshot; nothing that is stored is believed but for what
the key signed. The database is only read.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from services.evidence import tables
from services.evidence.checkpoints import Checkpoint
from services.evidence.entries import Chain, Damage, Entry, Unreadable, place
from services.evidence.growth import Growth, Target
from services.evidence.log import Log
from services.evidence.merkle import CompactRange, Node, leaf_hash
from services.evidence.notes import InvalidNote, VerifierKey
from services.evidence.report import Report
from services.evidence.store import LIVE, openings, openings_of
from services.evidence.subjects import Subjects

# Columns that no entry states: they are its bytes, or derived from them, or what its commitments were made
# of, or mean nothing once it is in the tree.
_UNSTATED = ["canonical", "entry_hash", "changed_fields", "transaction_id"]
_COMMITTED = ["old_values", "new_values", "salts", "details", "salt", "values"]
_PREFETCH = 500


class NoLog(Exception):
    """The database has no log that can be checked."""


async def examine(url: str, keys: Sequence[VerifierKey], kept: Sequence[str] | None) -> Report:
    """Check the log that one of the keys signed, and hold checkpoints `kept` elsewhere against it.

    Raises NoLog, and what the driver raises if the database cannot be read.
    """
    connection = await asyncpg.connect(
        url,
        timeout=10,
        server_settings={
            "application_name": "evidence",
            "timezone": "UTC",
            "search_path": "pg_catalog, public",
        },
    )
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _Examination(connection, keys, kept).run()
    finally:
        await connection.close(timeout=5)


@dataclass
class _Examination:
    connection: asyncpg.Connection
    keys: Sequence[VerifierKey]
    kept: Sequence[str] | None
    report: Report = field(default_factory=Report)
    log: Log | None = None
    growth: Growth = field(default_factory=lambda: Growth([]))
    settled: int = 0
    sealed: int = 0
    tail: int = 0

    async def run(self) -> Report:
        """Check one thing after the other."""
        log = self.log = await self._description()
        if log is not None:
            await self._guards(log)
            self.growth = Growth([each async for each in self._signed(log)])
            await self._entries(log)
            await self._tree(log)
            self._remark(log)
        return self.report

    async def _description(self) -> Log | None:
        """Return the newest description that is signed; without one there is nothing to go by."""
        names = [key.name for key in self.keys]
        try:
            notes = await self.connection.fetch(
                "SELECT note FROM evidence_logs WHERE origin = ANY($1) ORDER BY id DESC", names
            )
        except asyncpg.UndefinedTableError:
            raise NoLog("the database has no log") from None
        for row in notes:
            try:
                return Log.read(row["note"], self.keys)
            except InvalidNote as error:
                self._damage("evidence_logs", str(error))
        self._damage(
            "evidence_logs", f"no description of a log named {' or '.join(names)} is signed by its key"
        )
        return None

    async def _guards(self, log: Log) -> None:
        found = await tables.guards(self.connection, log.tables, log.functions or log.table)
        for name in sorted(found.keys() | log.guards.keys()):
            if name not in found:
                self._damage(name, "is missing")
            elif name not in log.guards:
                self._damage(name, "does not belong there")
            elif found[name] != log.guards[name]:
                self._damage(name, "is not defined as it should be")

    async def _signed(self, log: Log) -> AsyncIterator[Target]:
        """Return every size and root that was signed, in the database and outside of it."""
        inside: dict[int, bytes] = {}
        async for row in self._rows(
            f"SELECT size, note, hashes, settled FROM {log.table}_checkpoints ORDER BY size"
        ):
            where = f"checkpoint {row['size']}"
            try:
                signed = Checkpoint.read(row["note"], self.keys)
            except InvalidNote as error:
                self._damage(where, str(error))
                continue
            if signed.size != row["size"]:
                self._damage(where, f"what is signed is the size {signed.size}")
            tree = _tree(row, signed)
            if tree is None:
                self._damage(where, "its hashes are not those of the root that is signed")
            inside[signed.size] = signed.root
            self.settled = row["settled"]
            yield Target(where, signed.size, signed.root, tree)
        if not inside:
            self._damage(f"{log.table}_checkpoints", "there is no checkpoint")
        for number, note in enumerate(self.kept or (), 1):
            where = f"kept checkpoint {number}"
            try:
                signed = Checkpoint.read(note, self.keys)
            except InvalidNote as error:
                self._damage(where, str(error))
                continue
            if signed.size not in inside:
                self._damage(where, f"the checkpoint of size {signed.size} is not in the database")
                yield Target(where, signed.size, signed.root, None)
            elif inside[signed.size] != signed.root:
                self._damage(where, f"the checkpoint of size {signed.size} in the database has another root")

    async def _entries(self, log: Log) -> None:
        """Check each row by itself, each chain, and each subject as it is now against its chain."""
        subjects = Subjects(self._live(log))
        chain: Chain | None = None
        last_id = ""
        forgotten = await self._forgotten(log)
        async for row in self._rows(
            f"""SELECT e.id::text, e.{log.subject_field}::text AS subject, e.version, e.canonical,
                       e.entry_hash, e.transaction_id, {openings_of(log)} AS openings, t.number, t.hash,
                       {"NULL" if log.has_details else "e.changed_fields"} AS changed_fields,
                       (SELECT row_to_json(s) FROM (SELECT {await self._stated(log)}) AS s)::text AS stated
                  FROM {log.table} e LEFT JOIN {log.table}_tree t ON t.entry_id = e.id AND t.level = 0
                 ORDER BY e.{log.subject_field} NULLS FIRST, e.version NULLS LAST, e.created_at, e.id"""
        ):
            if chain is None or chain.subject != (row["subject"] or ""):
                await self._end(chain, subjects)
                chain = Chain(log.subject_field, row["subject"] or "", forgotten)
            where = place(row["id"], log.subject_field, row["subject"], row["version"])
            if row["id"] == last_id:
                self._damage(where, "it is there, or in the tree, twice")
            last_id = row["id"]
            self._seal(row, where)
            try:
                entry = Entry.parse(row["canonical"], log.subject_field)
            except Unreadable:
                self._damage(where, "its bytes are no entry")
                continue
            opened, alone = openings(row["openings"])
            for what in _contradictions(row, entry, [*alone, *entry.disagreements(opened)]):
                self._damage(where, what)
            self.report.damages += chain.take(entry, opened)
        await self._end(chain, subjects)
        for subject in await subjects.before(None):
            self.report.damages += Chain(log.subject_field, subject).end({})

    async def _forgotten(self, log: Log) -> datetime | None:
        """Return the moment before which details were forgotten, as entries say; these are checked, too."""
        if not log.has_details:
            return None
        return await self.connection.fetchval(  # type: ignore[no-any-return]  # asyncpg has no types of values
            f"SELECT max(forgotten_before) FROM {log.table}"
        )

    async def _stated(self, log: Log) -> str:
        """Return the columns that entries state in the open, whichever there are, for a SELECT."""
        rows = await self.connection.fetch(
            """SELECT 'e.' || quote_ident(attname) AS name FROM pg_attribute
                WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
                  AND attname <> ALL($2)""",
            f"public.{log.table}",
            [*_UNSTATED, *_COMMITTED, *log.derived],
        )
        return ", ".join(row["name"] for row in rows)

    async def _end(self, chain: Chain | None, subjects: Subjects) -> None:
        """Compare what a chain comes to with what is there, and name what is there without one."""
        if chain is None:
            return
        for subject in await subjects.before(chain.subject):
            self.report.damages += Chain(chain.subject_field, subject).end({})
        self.report.damages += chain.end(await subjects.take(chain.subject))

    def _seal(self, row: asyncpg.Record, where: str) -> None:
        """Hand on what an entry's leaf is, and what it should be."""
        if row["number"] is not None:
            self.sealed += 1
            if not self.growth.leaf(row["number"], row["hash"], leaf_hash(row["canonical"])):
                self._damage(where, "it is in the tree, and under no checkpoint")
        elif row["transaction_id"] < self.settled:
            self._damage(where, "it is not in the tree, and older than the newest checkpoint")
        else:
            self.tail += 1

    async def _tree(self, log: Log) -> None:
        """Name entries that are gone, and what in the tree is not as it was signed."""
        async for row in self._rows(
            f"""SELECT t.number, t.hash, t.entry_id::text FROM {log.table}_tree t WHERE t.level = 0
                   AND NOT EXISTS (SELECT FROM {log.table} e WHERE e.id = t.entry_id) ORDER BY t.number"""
        ):
            self._damage(f"entry {row['entry_id']}", f"it was sealed as number {row['number']}, and is gone")
            self.growth.leaf(row["number"], row["hash"], None)
        stored = {
            Node(row["level"], row["number"]): row["hash"]
            async for row in self._rows(f"SELECT level, number, hash FROM {log.table}_tree WHERE level > 0")
        }
        findings = [*self.growth.findings(), *self.growth.findings_above(stored)]
        names = await self._names(log, [number for number, _ in findings if isinstance(number, int)])
        for where, what in findings:
            self._damage(where if isinstance(where, str) else names.get(where, f"number {where}"), what)

    async def _names(self, log: Log, numbers: list[int]) -> dict[int, str]:
        rows = await self.connection.fetch(
            f"""SELECT t.number, t.entry_id::text, e.{log.subject_field}::text AS subject, e.version
                  FROM {log.table}_tree t LEFT JOIN {log.table} e ON e.id = t.entry_id
                 WHERE t.level = 0 AND t.number = ANY($1)""",
            numbers,
        )
        return {
            row["number"]: place(row["entry_id"], log.subject_field, row["subject"], row["version"])
            for row in rows
        }

    async def _live(self, log: Log) -> AsyncIterator[tuple[str, Mapping[str, str]]]:
        query = (
            f"SELECT l.{log.live_id}::text AS id, {LIVE} AS now FROM {log.live} l ORDER BY l.{log.live_id}"
        )
        async for row in self._rows(query, list(log.unaudited)):
            yield row["id"], orjson.loads(row["now"])

    def _rows(self, query: str, *arguments: Any) -> AsyncIterator[asyncpg.Record]:
        return aiter(self.connection.cursor(query, *arguments, prefetch=_PREFETCH))

    def _damage(self, where: str, what: str) -> None:
        self.report.damages.append(Damage(where, what))

    def _remark(self, log: Log) -> None:
        remarks = self.report.remarks
        remarks.append(f"{self.sealed} entries of {log.table}, under a checkpoint of size {self.growth.size}")
        remarks.append(
            f"not yet under a checkpoint, so proved by their chains alone: {self.tail} entries"
            " (while a sequencer runs, those of the last second)"
        )
        if self.kept is None:
            remarks.append(
                "not provable without checkpoints that were kept outside of the database:"
                " that nothing was cut off at the end, checkpoints included"
            )


def _tree(row: asyncpg.Record, signed: Checkpoint) -> CompactRange | None:
    """Return the tree that is kept with a checkpoint, if it is the one that was signed."""
    try:
        tree = CompactRange.from_bytes(row["size"], row["hashes"])
    except ValueError:
        return None
    return tree if (tree.size, tree.root()) == (signed.size, signed.root) else None


def _contradictions(row: asyncpg.Record, entry: Entry, values: list[str]) -> Iterator[str]:
    """Return what the row says otherwise than the bytes that were sealed."""
    if row["entry_hash"] != hashlib.sha256(row["canonical"]).digest():
        yield "its hash is not that of its bytes"
    columns = {
        # As the bytes have it: what is stored as bytes is written in hexadecimal.
        name: value.removeprefix("\\x") if isinstance(value, str) else value
        for name, value in orjson.loads(row["stated"]).items()
    }
    apart = {*_COMMITTED, "changed_fields", "context"}
    told = {**entry.caller, **entry.stated}
    stated = {name: value for name, value in told.items() if name not in apart}
    differing = sorted(
        name for name in columns.keys() | stated.keys() if columns.get(name) != stated.get(name)
    )
    fields = row["changed_fields"]
    if fields is not None and set(fields) != entry.changed_fields:
        differing.append("changed_fields")
    if differing := [*differing, *values]:
        yield f"its columns are not what was sealed: {', '.join(differing)}"
