"""What a process with a log answers when it is asked to prove it: for servicers of any context."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.errors import DataLoss, NotFound, OutOfRange, Unavailable
from services.evidence.archive import Evidence, SealedEntry
from services.evidence.attachments import Attachment
from services.evidence.ledger import Ledger, Ledgers, StoredCheckpoint, StoredEntry
from services.evidence.merkle import Proof, Span
from services.evidence.notes import VerifierKey
from services.evidence.proofs import InclusionProof

# A sequencer seals within a second; who asks for evidence about what was changed just now waits for it.
SEALING_SECONDS = 2.0
SEALING_POLL_SECONDS = 0.1
# How many proofs are made from hashes that are read at once.
PROOFS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That an entry is in the log."""

    entry_id: UUID
    leaf: bytes
    proof: InclusionProof
    checkpoint: StoredCheckpoint


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the log of one size begins as the log of a smaller one."""

    first: int
    second: int
    path: Sequence[bytes]
    first_root: bytes
    second_root: bytes
    checkpoint: StoredCheckpoint


async def checkpoint(ledgers: Ledgers) -> StoredCheckpoint:
    """Return the newest checkpoint; raises Unavailable if there is none yet."""
    async with ledgers.read() as ledger:
        return await _newest(ledger)


async def inclusion(ledgers: Ledgers, entry_id: UUID) -> Inclusion:
    """Prove that an entry is in the log; raises NotFound, and Unavailable if it is not sealed yet."""
    async with ledgers.read() as ledger:
        newest = await _newest(ledger)
        number = await ledger.number(entry_id)
        if number is None or number >= newest.size:
            if not await ledger.knows(entry_id):
                raise NotFound("entry", str(entry_id))
            raise Unavailable("The entry is not under a checkpoint yet. Try again.", retry_after=1)
        path, leaf = Proof.of_inclusion(number, newest.size), Span(0, number, number + 1)
        stored = await _hashes(ledger, path.spans() | {leaf})
        proof = InclusionProof(number, tuple(path.hashes(stored)), newest.note)
        return Inclusion(entry_id, stored[leaf][0], proof, newest)


async def consistency(ledgers: Ledgers, first: int, second: int) -> Consistency:
    """Prove that the log only grew between two sizes, the second 0 for that of now; raises OutOfRange."""
    async with ledgers.read() as ledger:
        newest = await _newest(ledger)
        second = second or newest.size
        if not 0 < first <= second <= newest.size:
            raise OutOfRange(f"The log has {newest.size} entries: no proof from {first} to {second}.")
        path = Proof.of_consistency(first, second)
        roots = [Proof.of_root(first), Proof.of_root(second)]
        stored = await _hashes(ledger, path.spans().union(*(each.spans() for each in roots)))
        first_root, second_root = (each.hashes(stored)[0] for each in roots)
        return Consistency(first, second, path.hashes(stored), first_root, second_root, newest)


async def collect(
    ledgers: Ledgers, subject: UUID, made_at: datetime, attachments: Sequence[Attachment] | None = None
) -> Evidence:
    """Return all that the log holds about a subject, each entry proved that is under a checkpoint.

    With `attachments` it is a pack.
    """
    for _ in range(int(SEALING_SECONDS / SEALING_POLL_SECONDS)):
        async with ledgers.read() as ledger:
            entries, _ = await ledger.about(subject)
            if all(each.number is not None for each in entries):
                break
        await asyncio.sleep(SEALING_POLL_SECONDS)
    async with ledgers.read() as ledger:
        newest = await _newest(ledger)
        entries, now = await ledger.about(subject)
        return Evidence(
            VerifierKey.parse(newest.key).name,
            ledgers.log.subject_field,
            str(subject),
            made_at,
            newest.note,
            await _sealed(ledger, newest, entries),
            now,
            newest.key,
            attachments,
        )


async def _newest(ledger: Ledger) -> StoredCheckpoint:
    newest = await ledger.checkpoint()
    if newest is None:
        raise Unavailable("There is no checkpoint yet. Try again.", retry_after=1)
    return newest


async def _hashes(ledger: Ledger, spans: Iterable[Span]) -> Mapping[Span, Sequence[bytes]]:
    try:
        return await ledger.hashes(spans)
    except LookupError as error:
        raise DataLoss(f"The log is damaged: {error}.") from None


async def _sealed(
    ledger: Ledger, newest: StoredCheckpoint, entries: Sequence[StoredEntry]
) -> list[SealedEntry]:
    sealed: list[SealedEntry] = []
    for at in range(0, len(entries), PROOFS_AT_ONCE):
        some = entries[at : at + PROOFS_AT_ONCE]
        paths = {
            each.number: Proof.of_inclusion(each.number, newest.size)
            for each in some
            if each.number is not None and each.number < newest.size
        }
        stored = await _hashes(ledger, set[Span]().union(*(path.spans() for path in paths.values())))
        for each in some:
            proof = None
            if each.number in paths:
                path = tuple(paths[each.number].hashes(stored))
                proof = InclusionProof(each.number, path, newest.note)
            sealed.append(SealedEntry(each.canonical, each.openings, proof))
    return sealed
