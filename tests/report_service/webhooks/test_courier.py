"""Promise: a message arrives signed, is tried again until it does, and goes nowhere it must not."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from report_service.webhooks import courier as couriers
from report_service.webhooks import endpoints, signing
from report_service.webhooks.courier import Patience
from report_service.webhooks.domain import DeliveryStatus, EndpointStatus
from report_service.webhooks.endpoints import Draft
from report_service.webhooks.signing import Vault
from services.egress.post import Answer, Reach
from tests.fixtures.receiver import Received, Receiver, Reply
from tests.report_service.builders import a_report
from tests.report_service.webhooks.conftest import Office
from tests.report_service.webhooks.test_told import begin, complete

PENDING, DELIVERED, FAILED = DeliveryStatus


def is_signed(request: Received, secret: str) -> bool:
    """Check a message as its receiver would, from the specification's words and the secret as shown."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b"%b.%b.%b" % (
        request.headers["webhook-id"].encode(),
        request.headers["webhook-timestamp"].encode(),
        request.body,
    )
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert abs(time.time() - int(request.headers["webhook-timestamp"])) < 300
    given = [each.split(",", 1) for each in request.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(each, expected) for version, each in given)


def test_signatures_are_those_of_the_specification() -> None:
    # The example of https://github.com/standard-webhooks/standard-webhooks, computed by its libraries.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = couriers.utc_now().fromtimestamp(1614265330, tz=couriers.utc_now().tzinfo)
    made = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [key])
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_completed_report_arrives_signed(office: Office, receiver: Receiver) -> None:
    endpoint, secret = await office.register(receiver.url)
    report = a_report()
    await begin(office, report)
    await complete(office, report.id)
    assert await office.deliver() == 1
    (delivery,) = await office.told(endpoint.id)
    assert (delivery.status, delivery.response_status, delivery.attempts) == (DELIVERED, 204, 1)
    (request,) = receiver.received
    assert is_signed(request, signing.shown(secret))
    assert not is_signed(request, signing.shown(bytes(32)))
    assert request.headers["webhook-id"] == f"msg_{delivery.id}"
    assert request.headers["content-type"] == "application/json"
    said = json.loads(request.body)
    assert (said["type"], said["timestamp"]) == ("report.completed", "2026-11-21T12:01:00.123Z")
    links = said["data"].pop("links")
    assert said["data"] == delivery.facts
    root = f"https://leads.example.com/api/reports/{report.id}"
    assert links == {
        "report": root,
        "pdf": f"{root}/pdf",
        "lineage": f"https://leads.example.com/api/lineage/{report.id}",
    }
    assert await office.deliver() == 0


async def test_while_a_receiver_changes_over_both_secrets_sign(office: Office, receiver: Receiver) -> None:
    endpoint, first = await office.register(receiver.url)
    _, second = await endpoints.rotate(office.webhooks, endpoint.id, timedelta(hours=1), "ada")
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    await office.deliver()
    _, third = await endpoints.rotate(office.webhooks, endpoint.id, timedelta(0), "ada")
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    await office.deliver()
    both, last = receiver.received
    assert [is_signed(both, signing.shown(each)) for each in (first, second, third)] == [True, True, False]
    assert [is_signed(last, signing.shown(each)) for each in (first, second, third)] == [False, False, True]


async def test_what_fails_is_tried_again_under_the_same_id_until_it_arrives(
    office: Office, receiver: Receiver
) -> None:
    endpoint, secret = await office.register(receiver.url)
    receiver.replies = [Reply(500, body=b"oh no"), Reply(429, {"Retry-After": "1800"}), Reply(200)]
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    errors = []
    for _ in range(3):
        await office.deliver()
        (delivery,) = await office.told(endpoint.id)
        errors.append((delivery.status, delivery.response_status, delivery.error))
    assert errors == [
        (PENDING, 500, "answered 500: oh no"),
        (PENDING, 429, "answered 429"),
        (DELIVERED, 200, ""),
    ]
    assert {each.headers["webhook-id"] for each in receiver.received} == {f"msg_{delivery.id}"}
    assert len({each.body for each in receiver.received}) == 1
    assert all(is_signed(each, signing.shown(secret)) for each in receiver.received)
    assert (await endpoints.get(office.webhooks, endpoint.id)).failing_since is None


async def test_a_redirect_is_not_followed(office: Office, receiver: Receiver) -> None:
    endpoint, _ = await office.register(receiver.url)
    receiver.replies = [Reply(307, {"Location": receiver.url})]
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    await office.deliver()
    (delivery,) = await office.told(endpoint.id)
    assert (delivery.status, delivery.error) == (PENDING, "answered 307: redirects are not followed")
    assert len(receiver.received) == 1


async def test_a_receiver_that_dawdles_is_tried_again_later(office: Office, receiver: Receiver) -> None:
    endpoint, _ = await office.register(receiver.url)
    receiver.replies = [Reply(200, seconds=2), Reply(200)]
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    hasty = office.make_courier(seconds=0.3)
    await office.deliver(hasty)
    (delivery,) = await office.told(endpoint.id)
    assert (delivery.status, delivery.response_status) == (PENDING, None)
    assert "in time" in delivery.error or "within" in delivery.error
    await office.deliver()
    assert (await office.told(endpoint.id))[0].status is DELIVERED


async def test_a_private_address_is_refused_although_it_was_registered(
    office: Office, receiver: Receiver
) -> None:
    endpoint, _ = await office.register(receiver.url)
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    await office.deliver(office.make_courier(reach=Reach()))
    (delivery,) = await office.told(endpoint.id)
    assert (delivery.status, receiver.received) == (PENDING, [])
    assert delivery.error == "127.0.0.1 is not a public address: loopback, RFC 1122"


async def test_a_message_is_given_up_after_a_day_and_can_be_sent_again(
    office: Office, receiver: Receiver, a_day: timedelta
) -> None:
    endpoint, _ = await office.register(receiver.url)
    receiver.replies = [Reply(500), Reply(500), Reply(200)]
    made = await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    await office.deliver()
    impatient = office.make_courier(Patience(message=timedelta(0), endpoint=a_day))
    await office.deliver(impatient)
    (delivery,) = await office.told(endpoint.id)
    assert (delivery.status, delivery.attempts) == (FAILED, 2)
    assert await office.deliver() == 0
    again = await endpoints.redeliver(office.webhooks, endpoint.id, made.id, "ada")
    assert again.status is PENDING
    await office.deliver()
    (delivery,) = await office.told(endpoint.id)
    assert (delivery.status, delivery.attempts) == (DELIVERED, 3)
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1


async def test_an_endpoint_that_fails_for_long_is_disabled_and_says_why(
    office: Office, receiver: Receiver, a_day: timedelta
) -> None:
    endpoint, _ = await office.register(receiver.url)
    receiver.replies = [Reply(500)]
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    await office.deliver(office.make_courier(Patience(message=a_day, endpoint=timedelta(0))))
    found = await endpoints.get(office.webhooks, endpoint.id)
    assert (found.status, found.disabled_reason) == (
        EndpointStatus.DISABLED,
        "No message has arrived for 0 hours.",
    )
    assert await office.deliver() == 0
    enabled = Draft(status=EndpointStatus.ENABLED)
    found = await endpoints.change(office.webhooks, endpoint.id, enabled, ["status"], [], "ada")
    assert (found.status, found.disabled_reason, found.failing_since) == (EndpointStatus.ENABLED, "", None)
    receiver.replies = [Reply(200)]
    await office.deliver()
    assert (await office.told(endpoint.id))[0].status is DELIVERED


async def test_a_receiver_that_is_gone_is_left_alone(office: Office, receiver: Receiver) -> None:
    endpoint, _ = await office.register(receiver.url)
    receiver.replies = [Reply(410)]
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    await office.deliver()
    assert (await office.told(endpoint.id))[0].status is FAILED
    assert (await endpoints.get(office.webhooks, endpoint.id)).status is EndpointStatus.DISABLED


async def test_a_secret_of_another_key_sends_nothing_unsigned(office: Office, receiver: Receiver) -> None:
    endpoint, _ = await office.register(receiver.url)
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    other = Vault(Fernet.generate_key().decode())
    await office.deliver(office.make_courier(with_vault=other))
    (delivery,) = await office.told(endpoint.id)
    assert (delivery.status, receiver.received) == (PENDING, [])
    assert "WEBHOOK_KEY" in delivery.error


def test_a_new_key_encrypts_and_former_ones_decrypt() -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    sealed = Vault(old).seal(b"secret")
    both = Vault(f"{new},{old}")
    assert both.open(sealed) == b"secret"
    assert Vault(new).open(both.seal(b"secret")) == b"secret"
    with pytest.raises(ValueError, match=r"base64|32"):
        Vault("short")


def test_delays_double_up_to_an_hour_and_a_receiver_may_ask_for_more() -> None:
    for attempts in range(1, 40):
        ceiling = min(3600, 5 * 2 ** min(attempts, 16))
        assert 0 <= couriers._delay(attempts, None).total_seconds() <= ceiling
    assert couriers._delay(1, Answer(429, 1800, "")).total_seconds() == 1800
    assert couriers._delay(1, Answer(429, 99999, "")).total_seconds() == 3600


async def test_the_courier_brings_what_becomes_due_and_ends_when_it_is_told(
    office: Office, receiver: Receiver
) -> None:
    endpoint, _ = await office.register(receiver.url)
    stop = asyncio.Event()
    running = asyncio.create_task(office.courier.run(stop))
    await endpoints.try_out(office.webhooks, endpoint.id, "ada")
    office.courier.wake()
    async with asyncio.timeout(20):
        while (await office.told(endpoint.id))[0].status is PENDING:  # noqa: ASYNC110  (a row changes)
            await asyncio.sleep(0.02)
    stop.set()
    await running
    assert len(receiver.received) == 1
