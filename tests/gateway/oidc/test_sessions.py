"""Promise: a session is good at every replica, is renewed in time, and is over within a minute of its end."""

import asyncio
import base64
import os
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from gateway.oidc import sessions as sessions_module
from gateway.oidc.endpoints import SignIn
from gateway.settings import GatewaySettings
from services.settings import InvalidSettings
from services.tokens import TokenVerifier
from tests.fixtures.provider import OpenIdProvider
from tests.gateway.conftest import Services
from tests.gateway.oidc.conftest import LEADS, Browser, OpenReplica

Later = Callable[[float], None]


def asked(provider: OpenIdProvider, path: str) -> int:
    return provider.requests.count(path)


async def test_the_provider_is_asked_twice_a_minute_and_not_at_every_request(
    browser: Browser, provider: OpenIdProvider, later: Later
) -> None:
    await browser.sign_in()
    for _ in range(5):
        assert (await browser.http.get(LEADS)).status_code == 200
    assert asked(provider, "/introspect") == 0
    later(31)
    for _ in range(5):
        assert (await browser.http.get(LEADS)).status_code == 200
    assert asked(provider, "/introspect") == 1


async def test_a_session_that_the_provider_ends_is_over_within_a_minute(
    browser: Browser, provider: OpenIdProvider, later: Later
) -> None:
    await browser.sign_in()
    provider.sessions.clear()
    later(60)
    reply = await browser.http.get(LEADS)
    assert reply.status_code == 401
    assert reply.json()["error"]["details"][0]["reason"] == "SESSION_OVER"
    # The provider is not asked about it again.
    assert (await browser.session()).status_code == 401
    assert asked(provider, "/introspect") == 1


async def test_so_it_is_with_a_provider_that_answers_for_no_token(
    browser: Browser, provider: OpenIdProvider, later: Later
) -> None:
    provider.introspects = False
    await browser.sign_in()
    later(31)
    assert (await browser.http.get(LEADS)).status_code == 200
    assert asked(provider, "/token") == 2
    provider.sessions.clear()
    later(60)
    assert (await browser.http.get(LEADS)).status_code == 401


async def test_a_provider_that_can_do_neither_signs_nobody_in(
    browser: Browser, provider: OpenIdProvider
) -> None:
    provider.introspects = provider.gives_refresh_tokens = False
    assert (await browser.sign_in()).status_code == 403


async def test_without_a_refresh_token_a_session_lasts_as_long_as_its_token(
    browser: Browser, provider: OpenIdProvider, later: Later
) -> None:
    provider.gives_refresh_tokens = False
    await browser.sign_in()
    later(240)
    assert (await browser.http.get(LEADS)).status_code == 200
    later(61)
    assert (await browser.http.get(LEADS)).status_code == 401


async def test_tokens_are_renewed_before_they_expire_once_for_all_that_wait(
    browser: Browser, provider: OpenIdProvider, services: Services, later: Later
) -> None:
    await browser.sign_in()
    await browser.http.get(LEADS)
    before = services.metadata["authorization"]
    old = {cookie.name: cookie.value or "" for cookie in browser.http.cookies.jar}
    later(250)
    replies = await asyncio.gather(*(browser.http.get(LEADS) for _ in range(5)))
    assert {reply.status_code for reply in replies} == {200}
    assert asked(provider, "/token") == 2
    assert services.metadata["authorization"] != before
    assert all("leadfactory_session" in reply.headers["set-cookie"] for reply in replies)
    # A request that was on its way with the old cookie is served all the same.
    async with httpx.AsyncClient(base_url=browser.gateway, cookies=old) as slow:
        assert (await slow.get(LEADS)).status_code == 200
    assert asked(provider, "/token") == 2
    # The new cookie is one that stands.
    assert "set-cookie" not in (await browser.http.get(LEADS)).headers


async def test_a_request_that_is_given_up_does_not_take_the_refresh_token_with_it(
    browser: Browser, provider: OpenIdProvider, later: Later
) -> None:
    await browser.sign_in()
    later(250)
    for delay in (0.0, 0.005, 0.01, 0.02):
        request = asyncio.create_task(browser.http.get(LEADS))
        await asyncio.sleep(delay)
        request.cancel()
    assert (await browser.http.get(LEADS)).status_code == 200


async def test_tokens_of_another_person_end_the_session(
    browser: Browser, provider: OpenIdProvider, later: Later
) -> None:
    await browser.sign_in()
    provider.subject = "eve"
    later(250)
    assert (await browser.http.get(LEADS)).status_code == 401


async def test_whoever_loses_their_role_at_the_provider_loses_it_here_with_the_next_token(
    browser: Browser, provider: OpenIdProvider, later: Later
) -> None:
    await browser.sign_in()
    provider.roles = []
    later(250)
    assert (await browser.session()).json()["roles"] == []


async def test_a_session_ends_at_the_latest_when_it_is_set_to(
    open_replica: OpenReplica, provider: OpenIdProvider, later: Later
) -> None:
    async with open_replica(session_seconds=100) as url:
        browser = Browser(url)
        async with browser.http:
            reply = await browser.sign_in()
            ages = [int(age) for age in re.findall("Max-Age=([0-9]+)", reply.headers["set-cookie"])]
            assert 0 < max(ages) <= 100
            later(99)
            assert (await browser.http.get(LEADS)).status_code == 200
            later(2)
            assert (await browser.http.get(LEADS)).status_code == 401


async def test_a_hiccup_of_the_provider_is_not_noticed_and_an_outage_is_told_as_one(
    browser: Browser, provider: OpenIdProvider, later: Later
) -> None:
    await browser.sign_in()
    provider.is_down = True
    later(45)
    assert (await browser.http.get(LEADS)).status_code == 200
    later(20)
    reply = await browser.http.get(LEADS)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
    assert reply.json()["error"]["details"][0]["reason"] == "PROVIDER_UNAVAILABLE"
    provider.is_down = False
    assert (await browser.http.get(LEADS)).status_code == 200


async def test_signing_out_is_at_once_here_and_at_the_provider(
    browser: Browser, provider: OpenIdProvider
) -> None:
    await browser.sign_in()
    cookies = {cookie.name: cookie.value or "" for cookie in browser.http.cookies.jar}
    assert (await browser.http.post("/logout", headers={"origin": "https://evil.test"})).status_code == 403
    reply = await browser.http.post("/logout", headers={"origin": browser.gateway})
    assert reply.status_code == 200
    end = httpx.URL(reply.json()["continue_at"])
    assert end.params["post_logout_redirect_uri"] == f"{browser.gateway}/"
    assert end.params["id_token_hint"].count(".") == 2
    assert not provider.sessions
    assert (await browser.session()).status_code == 401
    # A copy of the cookie is worth nothing either.
    async with httpx.AsyncClient(base_url=browser.gateway, cookies=cookies) as thief:
        assert (await thief.get(LEADS)).status_code == 401


async def test_signing_out_works_while_the_provider_is_down(
    browser: Browser, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await browser.sign_in()
    provider.is_down = True
    monkeypatch.setattr("gateway.oidc.provider.METADATA_SECONDS", -1.0)
    assert (await browser.http.post("/logout", headers={"origin": browser.gateway})).status_code == 204
    assert (await browser.session()).status_code == 401


async def test_replicas_share_a_session_and_its_end(
    open_replica: OpenReplica, provider: OpenIdProvider, later: Later
) -> None:
    async with open_replica() as first, open_replica(gateway_public_url=first) as second:
        browser = Browser(first)
        async with browser.http:
            await browser.sign_in()
            other = browser.elsewhere(second)
            async with other.http:
                # No replica was told of the session; the cookie is all there is.
                assert (await other.http.get(LEADS)).status_code == 200
                await browser.http.post("/logout", headers={"origin": first})
                later(60)
                assert (await other.http.get(LEADS)).status_code == 401


async def test_a_sign_in_may_begin_at_one_replica_and_end_at_another(
    open_replica: OpenReplica, provider: OpenIdProvider
) -> None:
    async with open_replica() as first, open_replica(gateway_public_url=first) as second:
        browser = Browser(first)
        async with browser.http:
            url = await browser.to_callback()
            other = browser.elsewhere(second)
            async with other.http:
                reply = await other.http.get(f"{second}{url.raw_path.decode()}")
                assert (reply.status_code, reply.headers["location"]) == (303, "/")


async def test_a_replica_goes_on_with_what_another_has_renewed(
    open_replica: OpenReplica, provider: OpenIdProvider, later: Later
) -> None:
    async with open_replica() as first, open_replica(gateway_public_url=first) as second:
        browser = Browser(first)
        async with browser.http:
            await browser.sign_in()
            before = browser.elsewhere(second)
            async with before.http:
                assert (await before.http.get(LEADS)).status_code == 200
            later(250)
            assert (await browser.http.get(LEADS)).status_code == 200
            after = browser.elsewhere(second)
            async with after.http:
                assert (await after.http.get(LEADS)).status_code == 200
    assert asked(provider, "/token") == 2


@pytest.mark.parametrize("change", ["another key", "one bit", "another purpose", "rubbish"])
async def test_a_cookie_that_was_not_sealed_here_for_this_is_nobody(
    browser: Browser, key_file: Path, change: str
) -> None:
    await browser.to_provider()
    attempt = next(cookie.value for cookie in browser.http.cookies.jar if "signin" in cookie.name)
    await browser.sign_in()
    (name, value) = next(
        (cookie.name, cookie.value or "") for cookie in browser.http.cookies.jar if "session" in cookie.name
    )
    if change == "another key":
        key_file.write_text(base64.b64encode(os.urandom(32)).decode())
    forged = {
        "another key": value,
        "one bit": value[:40] + ("A" if value[40] != "A" else "B") + value[41:],
        "another purpose": attempt or "",
        "rubbish": "rubbish",
    }[change]
    async with httpx.AsyncClient(base_url=browser.gateway, cookies={name: forged}) as client:
        assert (await client.get(LEADS)).status_code == 401


async def test_a_token_in_a_cookie_is_no_session_where_there_are_no_links(
    browser: Browser, provider: OpenIdProvider, services: Services
) -> None:
    """A neighbouring host could set such a cookie, and have its victim work in the attacker's name."""
    await browser.sign_in()
    await browser.http.get(LEADS)
    token = services.metadata["authorization"].removeprefix("Bearer ")
    name = f"leadfactory_session_{httpx.URL(browser.gateway).port}"
    async with httpx.AsyncClient(base_url=browser.gateway, cookies={name: token}) as client:
        assert (await client.get(LEADS)).status_code == 401
        # As a bearer it is what it always was.
        assert (await client.get(LEADS, headers={"authorization": f"Bearer {token}"})).status_code == 200


async def test_keys_change_without_signing_anybody_out(browser: Browser, key_file: Path) -> None:
    await browser.sign_in()
    new = base64.b64encode(os.urandom(32)).decode()
    key_file.write_text(f"{new}\n{key_file.read_text()}")
    assert (await browser.http.get(LEADS)).status_code == 200
    # Gone for a moment, as files of a Secret are while they are replaced.
    key_file.unlink()
    assert (await browser.http.get(LEADS)).status_code == 200


@pytest.mark.parametrize("content", ["", "short", "c2hvcnQ=", None])
def test_a_gateway_without_usable_keys_does_not_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
    settings = GatewaySettings(
        identity_issuer="https://issuer.test",
        gateway_public_url="https://leads.test",
        oidc_client_id="gateway",
        session_key_file=path,
    )
    with pytest.raises(InvalidSettings, match="SESSION_KEY_FILE"):
        SignIn.from_settings(settings, TokenVerifier.from_settings(settings))


async def test_long_tokens_take_several_cookies_and_too_long_ones_are_told(
    browser: Browser, provider: OpenIdProvider
) -> None:
    provider.access_claims = {"groups": ["x" * 50] * 90}
    reply = await browser.sign_in()
    assert reply.status_code == 303
    assert all(len(line) < 4096 for line in reply.headers.get_list("set-cookie"))
    assert (await browser.http.get(LEADS)).status_code == 200
    provider.access_claims = {}
    # What is left of the longer one is removed.
    assert (await browser.sign_in()).status_code == 303
    assert (await browser.http.get(LEADS)).status_code == 200
    provider.access_claims, provider.id_claims = {"groups": ["x" * 50] * 100}, {"groups": ["x" * 50] * 300}
    assert (await browser.sign_in()).status_code == 403


def test_a_minute_is_the_longest_that_nobody_is_asked() -> None:
    assert sessions_module.ASK_AFTER_SECONDS < sessions_module.MOST_UNASKED_SECONDS <= 60
