"""Keeping what an environment consists of, for the day when there is another."""

import asyncio
from contextlib import suppress

import structlog

from report_service import metrics
from report_service.assurance.domain import AssuranceStores, Environment
from services.errors import ServiceError

RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class EnvironmentKeeper:
    """Has the environment of this machine kept."""

    def __init__(self, stores: AssuranceStores, environment: Environment) -> None:
        """Take the stores and what to keep."""
        self._stores = stores
        self._environment = environment

    async def run(self, stop: asyncio.Event) -> None:
        """Keep it, as soon as there is a database, then wait to be told to stop."""
        while not await self.keep():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
                return
        await stop.wait()

    async def keep(self) -> bool:
        """Keep it; False if it could not be."""
        try:
            async with self._stores.write() as store:
                await store.remember_environment(self._environment)
        except ServiceError as error:
            log.warning(metrics.ENVIRONMENT_UNKEPT, reason=error.message)
            return False
        return True
