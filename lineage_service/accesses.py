"""The access audit: whoever reads leaves their name first, and how it ended afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog
from prometheus_client import Counter

from lineage_service.domain import (
    DONE,
    UNDER_WAY,
    Access,
    AccessFilter,
    AccessPage,
    Action,
    Lineage,
    LineageStore,
    LineageStores,
    Outcome,
    Reader,
)
from services.clock import Clock
from services.errors import ServiceError

OUTCOME_UNNOTED = "outcome.unnoted"

UNNOTED = Counter(
    "leadfactory_lineage_outcomes_unnoted_total", "Readings whose end could not be noted in the audit."
)

log = structlog.get_logger()


async def note(store: LineageStore, lineage: Lineage, access: Access) -> Lineage:
    """Note a reading of a lineage; return it with this reading counted."""
    return replace(lineage, readings=await store.note(access))


def view(
    lineage: Lineage, action: Action, reader: Reader, at: datetime, part: int = 0, *, streams: bool = False
) -> Access:
    """Say who reads what of a lineage."""
    facts = lineage.facts
    code = UNDER_WAY if streams else DONE
    return Access(facts.lineage_id, facts.report_id, action, reader, at, part or None, code=code)


@asynccontextmanager
async def concluded(
    stores: LineageStores, access: Access, sent: Callable[[], int], *, clock: Clock
) -> AsyncIterator[None]:
    """Note how the block ends in which the bytes of a reading leave."""
    code = DONE
    try:
        yield
    except ServiceError as error:
        code = error.code
        raise
    except Exception:
        code = "INTERNAL"
        raise
    except BaseException:
        # The reader went away: the call is cancelled, or nobody asks for more.
        code = "CANCELLED"
        raise
    finally:
        # The call may be cancelled again; what is to be noted is noted all the same.
        await asyncio.shield(_conclude(stores, access, Outcome(access.id, code, sent(), clock())))


async def page(
    stores: LineageStores,
    wanted: AccessFilter,
    size: int,
    after: tuple[datetime, UUID] | None,
    reader: Reader,
    *,
    clock: Clock,
) -> AccessPage:
    """Return one page of the audit, newest first; that somebody looked is the next entry."""
    async with stores.write() as store:
        lineage = None if wanted.lineage_id is None else await store.by_id(wanted.lineage_id)
        found = await store.accesses(wanted, size, after)
        details = {"user_id": wanted.subject} if wanted.subject else {}
        report_id = None if lineage is None else lineage.facts.report_id
        await store.note(Access(wanted.lineage_id, report_id, Action.AUDIT, reader, clock(), details=details))
    return found


async def _conclude(stores: LineageStores, access: Access, outcome: Outcome) -> None:
    try:
        async with stores.write() as store:
            await store.conclude(access, outcome)
    except Exception:
        UNNOTED.inc()
        log.exception(OUTCOME_UNNOTED, access_id=str(access.id), code=outcome.code)
