"""What differs between two reports."""

import tempfile
from typing import IO
from uuid import UUID

import orjson

from lineage_service import accesses, readings
from lineage_service.confined.process import Confinement
from lineage_service.domain import (
    MIB,
    Action,
    Change,
    Comparison,
    Content,
    Lineage,
    LineageStore,
    LineageStores,
    Reader,
)
from services.clock import Clock
from services.errors import FailedPrecondition, NotFound

MOST_INPUTS_BYTES = 16 * MIB
"""Raw inputs, uncompressed, that are compared at most; as objects they take many times their size."""


async def diff(
    stores: LineageStores, a: UUID, b: UUID, reader: Reader, confinement: Confinement, *, clock: Clock
) -> Comparison:
    """Compare two reports, each named by its own id or its lineage's, and note that of both.

    Raises NotFound, PayloadExpired, and FailedPrecondition for inputs that are too large, or no JSON.
    """
    async with stores.write() as store:
        pair = [await _known(store, each) for each in (a, b)]
        differ = pair[0].facts.inputs_sha256 != pair[1].facts.inputs_sha256
        if differ and any(each.facts.inputs_size > MOST_INPUTS_BYTES for each in pair):
            raise FailedPrecondition(
                f"Raw inputs of more than {MOST_INPUTS_BYTES} bytes are not compared.",
                reason="INPUTS_TOO_LARGE",
            )
        for each in pair if differ else ():
            readings.require_kept(each, Content.INPUTS)
        noted: dict[UUID, Lineage] = {}
        # In the order of ids: two who compare the same reports the other way round must not wait in a ring.
        for each in sorted(pair, key=lambda lineage: lineage.facts.lineage_id):
            if each.facts.lineage_id not in noted:
                access = accesses.view(each, Action.DIFF, reader, clock())
                noted[each.facts.lineage_id] = await accesses.note(store, each, access)
    first, second = (noted[each.facts.lineage_id] for each in pair)
    changes, total = await _changes(stores, first, second, confinement) if differ else ((), 0)
    return Comparison(first, second, changes, total)


async def _changes(
    stores: LineageStores, a: Lineage, b: Lineage, confinement: Confinement
) -> tuple[tuple[Change, ...], int]:
    with tempfile.TemporaryFile() as file:
        file.write(b"%d\n" % sum(a.piece_sizes(Content.INPUTS)))
        for lineage in (a, b):
            await _copy(stores, lineage, file)
        file.flush()
        answer = await confinement.run("changes", file)
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise FailedPrecondition(
            "The raw inputs cannot be compared: they are no JSON, or too much of it.",
            reason="INPUTS_NOT_COMPARABLE",
        ) from None
    return tuple(Change(*each) for each in found["changes"]), found["total"]


async def _copy(stores: LineageStores, lineage: Lineage, file: IO[bytes]) -> None:
    inputs = readings.whole(stores, lineage, Content.INPUTS, 0, lineage.inputs_gzip_sha256)
    async for piece in inputs.read(0, inputs.size):
        file.write(piece)


async def _known(store: LineageStore, name: UUID) -> Lineage:
    lineage = await store.by_report(name) or await store.by_id(name)
    if lineage is None:
        raise NotFound("report with lineage", str(name))
    return lineage
