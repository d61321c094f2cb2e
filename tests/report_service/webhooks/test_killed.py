"""Promise: a worker that is killed while it sends costs a repetition at most, never the message."""

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography.fernet import Fernet

from report_service.webhooks import endpoints
from report_service.webhooks.domain import DeliveryStatus
from report_service.webhooks.signing import Vault
from tests.fixtures.identity import Issuer
from tests.fixtures.receiver import Receiver, Reply
from tests.report_service.test_processes import end, start, until
from tests.report_service.webhooks.conftest import Office


@pytest.mark.timeout(300)
async def test_a_killed_workers_message_is_sent_again_under_the_same_id(
    office: Office, receiver: Receiver, issuer: Issuer, tmp_path: Path
) -> None:
    key = Fernet.generate_key().decode()
    (tmp_path / "webhook_key").write_text(key)
    environment = {
        **{name.upper(): str(value) for name, value in issuer.settings().items() if value},
        "REPORT_DATABASE_URL": office.database.url,
        "OBJECTS_URL": f"file://{tmp_path}/objects",
        "LEAD_SERVICE_ADDRESS": "127.0.0.1:1",
        "LINEAGE_SERVICE_ADDRESS": "127.0.0.1:1",
        "RENDER_WORKERS": "1",
        "SECRETS_DIRECTORY": str(tmp_path),
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    # Registered under the key that the process has.
    webhooks = endpoints.Webhooks(office.webhooks.stores, Vault(key), office.webhooks.reach)
    endpoint, _ = await endpoints.create(webhooks, endpoints.Draft(receiver.url), "ada")
    receiver.replies = [Reply(200, seconds=5), Reply(200)]
    sent = await endpoints.try_out(webhooks, endpoint.id, "ada")

    async def delivered() -> bool:
        (delivery,) = await office.told(endpoint.id)
        return delivery.status is DeliveryStatus.DELIVERED

    async def has_arrived() -> bool:
        return len(receiver.received) == 1

    worker = await start("work", environment, tmp_path / "log")
    await until(has_arrived)
    os.kill(worker.pid, signal.SIGKILL)
    await worker.wait()
    assert not await delivered()
    connection = await asyncpg.connect(office.database.url)
    leased = await connection.fetchval("SELECT leased_until - clock_timestamp() FROM webhook_deliveries")
    assert timedelta(0) < leased < timedelta(seconds=15)
    # Not to wait for so long.
    await connection.execute("UPDATE webhook_deliveries SET leased_until = clock_timestamp()")
    await connection.close()
    worker = await start("work", environment, tmp_path / "log")
    await until(delivered)
    await asyncio.sleep(0)
    await end(worker)
    assert [each.headers["webhook-id"] for each in receiver.received] == [f"msg_{sent.id}"] * 2
    assert len({each.body for each in receiver.received}) == 1
