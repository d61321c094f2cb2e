"""Promise: who signs in at the provider, in this browser, for this site, is signed in; and nobody else."""

import base64
import hmac
import json
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.fixtures.provider import OpenIdProvider
from tests.gateway.conftest import Services
from tests.gateway.oidc.conftest import LEADS, Browser, OpenReplica, query_of


async def assert_nobody(browser: Browser) -> None:
    assert (await browser.session()).status_code == 401
    assert not [cookie for cookie in browser.http.cookies.jar if "session" in cookie.name]


async def test_a_person_signs_in_and_the_services_hear_of_the_access_token(
    browser: Browser, services: Services, provider: OpenIdProvider
) -> None:
    asked = query_of(await browser.to_provider())
    assert asked["redirect_uri"] == f"{browser.gateway}/login/callback"
    assert asked["scope"] == "openid"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43

    reply = await browser.sign_in("/login?return_to=/reports%3Fstatus%3DFAILED")
    assert (reply.status_code, reply.headers["location"]) == (303, "/reports?status=FAILED")
    assert reply.headers["cache-control"] == "no-store"
    session = (await browser.session()).json()
    assert (session["subject"], session["roles"]) == ("ada", ["operator"])
    assert (await browser.http.get(LEADS)).status_code == 200
    bearer = services.metadata["authorization"].removeprefix("Bearer ")
    assert jwt.decode(bearer, provider.key).header["typ"] == "at+jwt"


async def test_the_cookie_tells_a_script_a_reader_and_another_site_nothing(browser: Browser) -> None:
    reply = await browser.sign_in()
    cookies = [SimpleCookie(line) for line in reply.headers.get_list("set-cookie")]
    (session,) = (morsel for cookie in cookies for name, morsel in cookie.items() if "_session_" in name)
    assert session["httponly"]
    assert (session["samesite"], session["path"], session["domain"]) == ("lax", "/", "")
    assert b"ada" not in base64.urlsafe_b64decode(session.value + "==")
    # The attempt is over.
    assert [name for cookie in cookies for name, each in cookie.items() if each["max-age"] == "0"] == [
        name for cookie in cookies for name in cookie if "_signin_" in name
    ]


async def test_behind_tls_no_other_host_can_set_the_cookies(
    open_replica: OpenReplica, provider: OpenIdProvider
) -> None:
    async with open_replica(gateway_public_url="https://leads.test") as url:
        async with httpx.AsyncClient(base_url=url, headers={"host": "leads.test"}) as client:
            reply = await client.get("/login")
        assert query_of(httpx.URL(reply.headers["location"]))["redirect_uri"].startswith(
            "https://leads.test/"
        )
        cookie = reply.headers["set-cookie"]
        assert cookie.startswith("__Host-leadfactory_signin=")
        assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Domain" not in cookie


async def test_somebody_at_another_name_of_this_machine_signs_in_at_the_public_one(browser: Browser) -> None:
    port = httpx.URL(browser.gateway).port
    reply = await browser.http.get("/login?return_to=/leads", headers={"host": f"localhost:{port}"})
    assert reply.headers["location"] == f"{browser.gateway}/login?return_to=%2Fleads"


@pytest.mark.parametrize(
    "return_to",
    [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/%09/evil.test",
        "javascript:alert(1)",
        "leads",
        "/login",
        "/logout",
        "/api/leads",
        "/" + "x" * 2000,
        "/\u2028",
        "/%0d%0aset-cookie:a=b",
    ],
)
async def test_nobody_is_sent_to_another_site_after_signing_in(browser: Browser, return_to: str) -> None:
    raw = return_to if "%" in return_to else str(httpx.QueryParams({"r": return_to}))[2:]
    reply = await browser.sign_in(f"/login?return_to={raw}")
    assert (reply.status_code, reply.headers["location"]) == (303, "/")


async def test_a_path_of_this_site_stays_one_however_it_is_asked_for(browser: Browser) -> None:
    reply = await browser.sign_in("/login?return_to=/leads/../..//evil.test")
    assert httpx.URL(browser.gateway).join(reply.headers["location"]).host == "127.0.0.1"


async def test_an_answer_with_another_state_signs_nobody_in(browser: Browser) -> None:
    url = await browser.to_callback()
    for state in ("", "x", "é"):
        reply = await browser.http.get(url.copy_set_param("state", state))
        assert (reply.status_code, "set-cookie" in reply.headers) == (400, False)
        assert "/login" in reply.text
    await assert_nobody(browser)
    # What was tried meanwhile has not hurt the one who really signs in.
    assert (await browser.http.get(url)).status_code == 303


async def test_an_answer_in_a_browser_that_did_not_ask_signs_nobody_in(browser: Browser) -> None:
    """Login CSRF: an attacker has a victim's browser finish the attacker's sign-in."""
    url = await browser.to_callback()
    victim = Browser(browser.gateway)
    async with victim.http:
        assert (await victim.http.get(url)).status_code == 400
        await assert_nobody(victim)
        # Nor does it with an attempt of the victim's own.
        await victim.to_provider()
        assert (await victim.http.get(url)).status_code == 400
        await assert_nobody(victim)


async def test_a_parameter_that_comes_twice_is_not_chosen_from(browser: Browser) -> None:
    url = await browser.to_callback()
    assert (await browser.http.get(f"{url}&code=other")).status_code == 400
    assert (await browser.http.get(f"{url}&iss=other")).status_code == 400
    await assert_nobody(browser)


async def test_a_code_is_good_once(browser: Browser) -> None:
    url = await browser.to_callback()
    attempt = {cookie.name: cookie.value or "" for cookie in browser.http.cookies.jar}
    assert (await browser.http.get(url)).status_code == 303
    thief = Browser(browser.gateway)
    async with thief.http:
        thief.http.cookies.update(attempt)
        reply = await thief.http.get(url)
        assert reply.status_code == 403
        await assert_nobody(thief)


async def test_a_code_without_the_verifier_that_belongs_to_it_is_worth_nothing(
    browser: Browser, provider: OpenIdProvider
) -> None:
    stolen = query_of(await browser.to_callback())["code"]
    own = await browser.to_callback()
    assert (await browser.http.get(own.copy_set_param("code", stolen))).status_code == 403
    await assert_nobody(browser)


async def test_an_answer_of_another_provider_is_refused(browser: Browser, provider: OpenIdProvider) -> None:
    provider.iss = "https://other.test"
    assert (await browser.sign_in()).status_code == 403
    provider.iss = None
    # This one has promised to name itself.
    url = (await browser.to_callback()).copy_remove_param("iss")
    assert (await browser.http.get(url)).status_code == 403
    assert "/token" not in provider.requests
    await assert_nobody(browser)


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def without_algorithm(provider: OpenIdProvider) -> Callable[[dict[str, Any]], str]:
    return lambda claims: unsigned({"alg": "none"}, claims) + "."


def with_public_key_as_secret(provider: OpenIdProvider) -> Callable[[dict[str, Any]], str]:
    def forge(claims: dict[str, Any]) -> str:
        text = unsigned({"alg": "HS256", "kid": "op-1"}, claims)
        digest = hmac.digest(provider.key.as_pem(private=False), text.encode(), "sha256")
        return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    return forge


def with_another_key(provider: OpenIdProvider) -> Callable[[dict[str, Any]], str]:
    key = ECKey.generate_key("P-256", {"kid": "op-1", "alg": "ES256"})
    return lambda claims: jwt.encode({"alg": "ES256", "kid": "op-1"}, claims, key)


def as_another_type(provider: OpenIdProvider) -> Callable[[dict[str, Any]], str]:
    return lambda claims: jwt.encode(
        {"alg": "ES256", "kid": "op-1", "typ": "logout+jwt"}, claims, provider.key
    )


@pytest.mark.parametrize(
    "forger", [without_algorithm, with_public_key_as_secret, with_another_key, as_another_type]
)
async def test_an_id_token_that_the_provider_did_not_sign_so_signs_nobody_in(
    browser: Browser,
    provider: OpenIdProvider,
    forger: Callable[[OpenIdProvider], Callable[[dict[str, Any]], str]],
) -> None:
    provider.forge = forger(provider)
    assert (await browser.sign_in()).status_code == 403
    await assert_nobody(browser)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": ["leadfactory-gateway", "another-client"]},
        {"azp": "another-client"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iss": "https://other.test"},
        {"sub": None},
        {"sub": "eve"},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=json.dumps,
)
async def test_an_id_token_for_something_else_signs_nobody_in(
    browser: Browser, provider: OpenIdProvider, claims: dict[str, Any]
) -> None:
    provider.id_claims = claims
    assert (await browser.sign_in()).status_code == 403
    await assert_nobody(browser)


async def test_an_access_token_that_services_would_refuse_signs_nobody_in(
    browser: Browser, provider: OpenIdProvider
) -> None:
    provider.access_claims = {"aud": "another-api"}
    assert (await browser.sign_in()).status_code == 403
    await assert_nobody(browser)


async def test_somebody_without_a_role_is_told_so_and_is_not_signed_in(
    browser: Browser, provider: OpenIdProvider
) -> None:
    provider.roles = ["emperor"]
    provider.subject = "<b>ada</b>"
    reply = await browser.sign_in()
    assert reply.status_code == 403
    assert "no role" in reply.text
    assert "&lt;b&gt;ada" in reply.text
    await assert_nobody(browser)


async def test_roles_come_from_the_claim_and_by_the_names_that_are_set(
    open_replica: OpenReplica, provider: OpenIdProvider
) -> None:
    provider.roles = ["admin"]
    provider.access_claims = {"realm_access": {"roles": ["sales", "board", "admin", 7]}}
    async with open_replica(
        identity_roles_claim="realm_access.roles", identity_role_names="sales=operator,board=viewer"
    ) as url:
        browser = Browser(url)
        async with browser.http:
            await browser.sign_in()
            assert (await browser.session()).json()["roles"] == ["operator", "viewer"]


async def test_somebody_who_goes_back_at_the_provider_can_try_again(browser: Browser) -> None:
    asked = query_of(await browser.to_provider())
    answer = {"state": asked["state"], "error": "access_denied", "error_description": "<script>"}
    params = {**answer, "iss": query_of(await browser.to_callback())["iss"]}
    # The newest attempt is the one that counts.
    assert (await browser.http.get("/login/callback", params=params)).status_code == 400
    params["state"] = query_of(await browser.to_provider())["state"]
    reply = await browser.http.get("/login/callback", params=params)
    assert reply.status_code == 403
    assert "script" not in reply.text
    await assert_nobody(browser)


async def test_while_the_provider_is_down_a_page_says_so(browser: Browser, provider: OpenIdProvider) -> None:
    provider.is_down = True
    reply = await browser.http.get("/login")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
    assert "not possible right now" in reply.text
    assert "trace" not in reply.text.lower()
    provider.is_down = False
    url = await browser.to_callback()
    provider.is_down = True
    assert (await browser.http.get(url)).status_code == 503
    provider.is_down = False
    # Nothing is lost: the same address signs in as soon as it can.
    assert (await browser.http.get(url)).status_code == 303


async def test_a_provider_that_speaks_for_another_is_not_believed(
    browser: Browser, provider: OpenIdProvider
) -> None:
    provider.issuer = "https://other.test"
    assert (await browser.http.get("/login")).status_code == 503


async def test_a_preview_of_the_link_begins_nothing(browser: Browser, provider: OpenIdProvider) -> None:
    await browser.http.head("/login")
    await browser.http.get("/login", headers={"sec-purpose": "prefetch"})
    assert provider.requests == []


async def test_the_console_is_told_where_to_sign_in(browser: Browser, open_replica: OpenReplica) -> None:
    assert (await browser.http.get("/login/options")).json() == {"sign_in": "/login"}
    async with open_replica(oidc_client_id="") as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/login/options")).json() == {"sign_in": None}
        assert (await client.get("/login/callback")).status_code == 404
