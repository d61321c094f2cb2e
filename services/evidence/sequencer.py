"""Puts a log's entries into its tree, and signs what the tree then is.

Nobody who writes an entry waits for this. One sequencer works on a log at a time, whoever else
stands by; all that it writes goes through the connection that holds the lock for that.

Entries are found by the number of their transaction. Transactions commit in another order than they
are numbered in, so a sweep begins at the oldest that may still have been writing when the one before began
(`pg_snapshot_xmin`), and passes over what is in the tree already. Nothing is overtaken, and no entry
waits for somebody else's long transaction.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter, Gauge, Histogram

from services.clock import Clock
from services.evidence.checkpoints import Checkpoint, CheckpointFile
from services.evidence.entries import Entry, Unreadable
from services.evidence.ledger import StoredCheckpoint
from services.evidence.log import Log
from services.evidence.merkle import STORED_LEVELS, CompactRange, Node, Proof, leaf_hash
from services.evidence.notes import InvalidNote, Signer, VerifierKey
from services.evidence.store import LogStore, Unsealed
from services.pacing import pause

SEQUENCER_STARTED = "sequencer.started"
ENTRY_REFUSED = "entry.refused"
BATCH = 1000
STANDBY_SECONDS = 1.0

SEALED = Counter("leadfactory_evidence_sealed_total", "Entries put under a checkpoint.", ["log"])
REFUSED = Counter("leadfactory_evidence_refused_total", "Entries that are none.", ["log"])
INCONSISTENT = Counter("leadfactory_evidence_inconsistent_total", "Refusals to sign anything more.", ["log"])
LAG = Histogram(
    "leadfactory_evidence_lag_seconds",
    "How long an entry was without a checkpoint.",
    ["log"],
    buckets=(0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60),
)
SIZE = Gauge("leadfactory_evidence_entries", "Entries under the newest checkpoint.", ["log"])

_FIRST = UUID(int=0)

TreeNode = tuple[Node, bytes, UUID | None]
"""A stored hash of the tree, and the entry that it is the leaf of."""

log = structlog.get_logger(__name__)


class Inconsistent(Exception):
    """What was signed before and what is there now are not the same log: nothing more is signed."""


@dataclass(frozen=True)
class Sealing:
    """How a log is sealed."""

    log: Log
    signer: Signer
    former_keys: Sequence[VerifierKey] = ()
    """Keys that signed this log before."""
    outside: CheckpointFile | None = None
    """Where checkpoints are kept beside the database."""
    interval_seconds: float = 0.25


class Sequencer:
    """Seals one log."""

    def __init__(self, url: str, sealing: Sealing, clock: Clock) -> None:
        """Take the database's plain DSN, how to seal, and the time."""
        self._url = url
        self._sealing = sealing
        self._clock = clock
        self._tree = CompactRange()
        self._settled = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Seal until `stop` is set; raises if the database is lost, and Inconsistent."""
        connection = await asyncpg.connect(
            self._url,
            timeout=5,
            command_timeout=60,
            server_settings={
                "application_name": "sequencer",
                "timezone": "UTC",
                # The newest part of two large tables is joined; no other plan is ever the right one.
                "enable_hashjoin": "off",
                "enable_mergejoin": "off",
            },
        )
        try:
            await self._seal(connection, stop)
        except Inconsistent:
            INCONSISTENT.labels(self._sealing.signer.key.name).inc()
            raise
        finally:
            await connection.close(timeout=5)

    async def _seal(self, connection: asyncpg.Connection, stop: asyncio.Event) -> None:
        name = f"sequencer of {self._sealing.log.table}"
        while not await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name):
            if await pause(stop, STANDBY_SECONDS):
                return
        await self._take_up(connection)
        await self._sweep(connection, everything=True)
        while not await pause(stop, self._sealing.interval_seconds):
            await self._sweep(connection)

    async def _take_up(self, connection: asyncpg.Connection) -> None:
        """Begin where the log was left, if that is what was signed; raises Inconsistent."""
        store, signer = self._store(connection), self._sealing.signer
        await store.describe(signer.key.name, self._sealing.log.sign(signer))
        oldest, _ = await store.horizons()
        last = await store.checkpoint()
        kept = await asyncio.to_thread(self._sealing.outside.last) if self._sealing.outside else None
        if last is None:
            if kept is not None:
                raise Inconsistent("there are checkpoints outside of the database, and none in it")
            self._tree, self._settled = CompactRange(), 0
            await self._outside(await self._keep(store, self._tree, [], 0))
            return
        try:
            self._tree = last.tree()
            signed = self._read(last.note)
            outside = self._read(kept) if kept is not None else signed
        except (InvalidNote, ValueError) as error:
            raise Inconsistent(f"the last checkpoint cannot be believed: {error}") from None
        if (signed.size, signed.root) != (last.size, self._tree.root()):
            raise Inconsistent("the last checkpoint is not what was signed")
        if outside.size > signed.size:
            raise Inconsistent(
                f"a checkpoint of {outside.size} entries was signed, and there are {signed.size}"
            )
        if outside.size and await self._root(store, outside.size) != outside.root:
            raise Inconsistent("the checkpoint outside of the database is of another log")
        # Numbers that begin anew, in a database that was restored elsewhere, mean nothing any more.
        self._settled = last.settled if last.settled <= oldest else 0
        if kept is None or outside.size < signed.size:
            await self._outside(last.note)
        log.info(SEQUENCER_STARTED, log=signer.key.name, size=last.size)

    async def _sweep(self, connection: asyncpg.Connection, *, everything: bool = False) -> None:
        """Seal the entries that are there now.

        `everything`: those too that bear numbers of transactions yet to come, as after a restoration.
        """
        store = self._store(connection)
        oldest, following = await store.horizons()
        after: tuple[int, UUID] | None = (self._settled, _FIRST)
        while after is not None:
            entries, after = await store.unsealed(after, None if everything else following, BATCH)
            if sound := [each for each in entries if self._is_sound(each)]:
                await self._append(connection, sound, self._settled if after else oldest)
        self._settled = oldest

    async def _append(self, connection: asyncpg.Connection, entries: list[Unsealed], settled: int) -> None:
        tree = CompactRange(self._tree.size, self._tree.hashes)
        nodes: list[TreeNode] = []
        for entry in entries:
            leaf = leaf_hash(entry.canonical)
            nodes.append((Node(0, tree.size), leaf, entry.id))
            complete = tree.append(leaf)
            nodes += ((node, value, None) for node, value in complete if node.level % STORED_LEVELS == 0)
        async with connection.transaction():
            note = await self._keep(self._store(connection), tree, nodes, settled)
        self._tree = tree
        # After the commit: what is outside must be inside, too, or the log could never go on.
        await self._outside(note)
        name, now = self._sealing.signer.key.name, self._clock()
        for entry in entries:
            LAG.labels(name).observe((now - entry.created_at).total_seconds())
        SEALED.labels(name).inc(len(entries))
        SIZE.labels(name).set(tree.size)

    async def _keep(self, store: LogStore, tree: CompactRange, nodes: list[TreeNode], settled: int) -> str:
        signer = self._sealing.signer
        note = Checkpoint(signer.key.name, tree.size, tree.root()).sign(signer)
        made = StoredCheckpoint(tree.size, note, str(signer.key), tree.to_bytes(), settled)
        await store.append(nodes, made)
        return note

    async def _outside(self, note: str) -> None:
        if self._sealing.outside:
            await asyncio.to_thread(self._sealing.outside.append, note)

    def _is_sound(self, entry: Unsealed) -> bool:
        """Refuse to sign what was never an entry of this log; the verifier names it."""
        try:
            stated = Entry.parse(entry.canonical, self._sealing.log.subject_field)
            sound = stated.id == str(entry.id) and bytes.fromhex(stated.hash) == entry.entry_hash
        except Unreadable:
            sound = False
        if not sound:
            REFUSED.labels(self._sealing.signer.key.name).inc()
            log.error(ENTRY_REFUSED, entry_id=str(entry.id), log=self._sealing.signer.key.name)
        return sound

    def _read(self, note: str) -> Checkpoint:
        return Checkpoint.read(note, [self._sealing.signer.key, *self._sealing.former_keys])

    async def _root(self, store: LogStore, size: int) -> bytes:
        try:
            proof = Proof.of_root(size)
            return proof.hashes(await store.hashes(proof.spans()))[0]
        except LookupError as error:
            raise Inconsistent(str(error)) from None

    def _store(self, connection: asyncpg.Connection) -> LogStore:
        return LogStore(connection, self._sealing.log)
