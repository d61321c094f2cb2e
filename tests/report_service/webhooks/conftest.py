"""Webhooks on PostgreSQL, with a courier whose way leads to loopback."""

import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from report_service.batch_repository import PostgresBatchStore
from report_service.session import ReportSession
from report_service.webhooks import endpoints
from report_service.webhooks.courier import Courier, Patience
from report_service.webhooks.domain import Delivery, Endpoint, WebhookStore
from report_service.webhooks.endpoints import Draft, Webhooks
from report_service.webhooks.repository import PostgresWebhookStore
from report_service.webhooks.signing import Vault
from services.database import Database, UnitsOfWork
from services.egress.addresses import networks
from services.egress.post import Reach, Slot
from services.egress.resolver import Resolver
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.receiver import Receiver

LOOPBACK = Reach(allowed=networks("127.0.0.0/8"))


@dataclass
class Office:
    """Where endpoints are registered, where reports end, and who brings the messages."""

    webhooks: Webhooks
    reports: UnitsOfWork[PostgresBatchStore]
    courier: Courier
    database: TestDatabase
    make_courier: Callable[..., Courier]

    async def register(self, url: str, **draft: object) -> tuple[Endpoint, bytes]:
        return await endpoints.create(self.webhooks, Draft(url, **draft), "ada")  # type: ignore[arg-type]

    async def told(self, endpoint_id: UUID) -> list[Delivery]:
        """Return what was or will be sent to an endpoint, oldest first."""
        found, _ = await endpoints.deliveries(self.webhooks, endpoint_id, None, 200, "")
        return sorted(found, key=lambda each: each.occurred_at)

    async def deliver(self, courier: Courier | None = None) -> int:
        """Make everything that waits due, and have the courier bring it."""
        async with self.webhooks.stores.write() as store:
            await hasten(store)
        begun = await (courier or self.courier).start_due()
        await (courier or self.courier).idle()
        return begun


async def hasten(store: WebhookStore) -> None:
    """Make every waiting delivery due, which nothing in the product does."""
    from sqlalchemy import text

    assert isinstance(store, PostgresWebhookStore)
    await store._session.execute(
        text("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE status = 'PENDING'")
    )


@pytest.fixture
async def office(report_database: TestDatabase) -> AsyncIterator[Office]:
    database = Database(report_database.url, name="test", session_class=ReportSession)
    stores, vault = UnitsOfWork(database, PostgresWebhookStore), Vault(Fernet.generate_key().decode())

    def make_courier(
        patience: Patience | None = None,
        seconds: float = 5,
        reach: Reach = LOOPBACK,
        with_vault: Vault = vault,
    ) -> Courier:
        slot = Slot(Resolver((("127.0.0.1", 1),), timeout_seconds=0.2), reach)
        tls = ssl.create_default_context()
        root = "https://leads.example.com"
        return Courier(
            stores, with_vault, slot, tls, public_url=root, patience=patience, timeout_seconds=seconds
        )

    yield Office(
        Webhooks(stores, vault, LOOPBACK),
        UnitsOfWork(database, PostgresBatchStore),
        make_courier(),
        report_database,
        make_courier,
    )
    await database.close()


@pytest.fixture
def a_day() -> timedelta:
    return timedelta(days=1)


__all__ = ["Office", "Receiver"]
