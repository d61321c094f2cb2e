"""Finding lineages."""

from lineage_service.domain import (
    Access,
    Action,
    LineageFilter,
    LineagePage,
    LineageStores,
    Order,
    Position,
    Reader,
)
from services.clock import Clock


async def search(
    stores: LineageStores,
    wanted: LineageFilter,
    size: int,
    after: Position | None,
    order: Order,
    reader: Reader,
    *,
    clock: Clock,
) -> LineagePage:
    """Return one page of what is wanted, and note who asked for what.

    The entry does not list what was found: records stay as they are, so the same question about the
    time of the entry has the same answer.
    """
    async with stores.write() as store:
        found = await store.page(wanted, size, after, order)
        details = {"filter": _asked(wanted), "size": size, "found": len(found.lineages)}
        if after is not None:
            details["after"] = str(after.lineage_id)
        await store.note(Access(None, None, Action.SEARCH, reader, clock(), details=details))
    return found


def _asked(wanted: LineageFilter) -> dict[str, object]:
    asked: dict[str, object] = {}
    for name, value in vars(wanted).items():
        if not value:
            continue
        if name == "words":
            asked[name] = [word.text + "*" * word.is_prefix for word in wanted.words]
        else:
            asked[name] = value.hex() if isinstance(value, bytes) else str(value)
    return asked
