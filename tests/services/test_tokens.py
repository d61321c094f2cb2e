"""Promise: only a token that the right issuer signed, for us, in time, speaks for anybody."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from services.errors import Unauthenticated, Unavailable
from services.settings import ServiceSettings
from services.tokens import TokenVerifier
from tests.fixtures.forgeries import FORGERIES
from tests.fixtures.identity import PEOPLE, WORKLOADS, Issuer
from tests.fixtures.provider import OpenIdProvider


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier.from_settings(ServiceSettings(**issuer.settings()))


async def test_a_person_is_known_by_subject_and_roles(issuer: Issuer, verifier: TokenVerifier) -> None:
    principal = await verifier.verify(issuer.person("ada", "operator", "emperor"))
    assert principal.subject == "ada"
    assert principal.roles == {"operator"}
    assert principal.workload is None


async def test_a_process_is_known_by_name_and_holds_no_role(issuer: Issuer, verifier: TokenVerifier) -> None:
    principal = await verifier.verify(issuer.workload("report-worker", roles=["admin"]))
    assert (principal.subject, principal.workload) == ("system:report-worker", "report-worker")
    assert principal.roles == frozenset()


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_token_that_is_not_what_it_says_is_refused(
    forge: Callable[[Issuer], str], issuer: Issuer, verifier: TokenVerifier
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge(issuer))


async def test_a_changed_payload_does_not_pass_under_a_good_signature(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    good = issuer.person("ada", "viewer")
    await verifier.verify(good)
    head, _, signature = good.split(".")
    body = issuer.person("ada", "admin").split(".")[1]
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"{head}.{body}.{signature}")


async def test_keys_that_cannot_be_read_are_told_as_such_and_those_known_stay(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys.json"
    verifier = TokenVerifier.from_settings(
        ServiceSettings(**{**issuer.settings(), "identity_jwks": str(keys)})
    )
    with pytest.raises(Unavailable):
        await verifier.verify(issuer.person("ada", "viewer"))
    monkeypatch.setattr("services.tokens.MINIMUM_REFETCH_SECONDS", 0)
    keys.write_text(issuer.people_jwks.read_text())
    assert (await verifier.verify(issuer.person("ada", "viewer"))).subject == "ada"
    monkeypatch.setattr("services.tokens.MAXIMUM_AGE_SECONDS", 0)
    keys.write_text("rubbish")
    assert (await verifier.verify(issuer.person("bob", "viewer"))).subject == "bob"
    keys.write_text(issuer.workload_jwks.read_text())
    with pytest.raises(Unauthenticated):
        await verifier.verify(issuer.person("eve", "viewer"))


async def test_a_hundred_first_callers_wait_for_one_reading_of_the_keys(issuer: Issuer) -> None:
    verifier = TokenVerifier.from_settings(ServiceSettings(**issuer.settings()))
    tokens = [issuer.person(f"person-{number}", "viewer") for number in range(100)]
    principals = await asyncio.gather(*(verifier.verify(token) for token in tokens))
    assert len({principal.subject for principal in principals}) == 100


async def test_a_first_caller_that_is_cancelled_leaves_the_reading_to_the_next(issuer: Issuer) -> None:
    verifier = TokenVerifier.from_settings(ServiceSettings(**issuer.settings()))
    first = asyncio.create_task(verifier.verify(issuer.person("ada", "viewer")))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await verifier.verify(issuer.person("bob", "viewer"))).subject == "bob"


async def test_an_issuer_may_sign_with_rsa_as_kubernetes_does(issuer: Issuer, tmp_path: Path) -> None:
    key = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    settings = {**issuer.settings(), "workload_jwks": str(keys)}
    verifier = TokenVerifier.from_settings(ServiceSettings(**settings))
    claims = {"iss": WORKLOADS, "sub": "system:report", "aud": "leadfactory", "exp": int(time.time()) + 60}
    token = jwt.encode({"alg": "RS256", "kid": "rsa-1"}, claims, key)
    assert (await verifier.verify(token)).workload == "report"
    with pytest.raises(Unauthenticated):
        await verifier.verify(jwt.encode({"alg": "PS256", "kid": "rsa-1"}, claims, key, algorithms=["PS256"]))


async def test_a_key_that_was_added_later_is_found_without_a_restart(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    await verifier.verify(issuer.person("ada", "viewer"))
    new = ECKey.generate_key("P-256", {"kid": "people-2", "alg": "ES256"})
    before = issuer.people_jwks.read_text()
    keys = [issuer.people_key.as_dict(private=False), new.as_dict(private=False)]
    issuer.people_jwks.write_text(json.dumps({"keys": keys}))
    monkeypatch.setattr("services.tokens.MINIMUM_REFETCH_SECONDS", 0)
    try:
        principal = await verifier.verify(issuer.sign({"iss": PEOPLE, "sub": "bob"}, new))
    finally:
        issuer.people_jwks.write_text(before)
    assert principal.subject == "bob"


async def test_roles_are_found_in_the_claim_and_under_the_names_that_are_set(issuer: Issuer) -> None:
    def roles(token: str, **settings: str) -> Any:
        verifier = TokenVerifier.from_settings(ServiceSettings(**issuer.settings(), **settings))
        return verifier.verify(token)

    nested = issuer.person("ada", "admin", realm={"roles": ["sales", "board", "admin", 7]})
    dotted = issuer.person("ada", **{"https://example.com/roles": ["operator"]})
    given = {"identity_roles_claim": "realm.roles"}
    assert (await roles(nested)).roles == {"admin"}
    assert (await roles(nested, **given)).roles == {"admin"}
    names = {"identity_role_names": "sales=operator, board=viewer"}
    assert (await roles(nested, **given, **names)).roles == {"operator", "viewer"}
    assert (await roles(dotted, identity_roles_claim="https://example.com/roles")).roles == {"operator"}
    # Who is named nowhere holds no role.
    for claim in ("realm.groups", "sub.roles", "nothing", "roles.admin"):
        assert (await roles(nested, identity_roles_claim=claim)).roles == frozenset()
    with pytest.raises(Unauthenticated):
        await roles(nested, identity_roles_claim="realm")


async def test_keys_are_found_where_the_issuer_says(provider: OpenIdProvider) -> None:
    verifier = TokenVerifier.from_settings(ServiceSettings(identity_issuer=provider.issuer))
    claims = {"iss": provider.issuer, "sub": "ada", "aud": "leadfactory", "exp": int(time.time()) + 60}
    token = jwt.encode({"alg": "ES256", "kid": "op-1"}, claims, provider.key)
    assert (await verifier.verify(token)).subject == "ada"
    assert provider.requests == ["/.well-known/openid-configuration", "/jwks"]


@pytest.mark.parametrize("location", ["http://keys.test/jwks", "ftp://keys.test/jwks"])
async def test_keys_are_not_read_from_where_anybody_could_change_them(issuer: Issuer, location: str) -> None:
    settings = {**issuer.settings(), "identity_jwks": location}
    verifier = TokenVerifier.from_settings(ServiceSettings(**settings))
    with pytest.raises(Unavailable):
        await verifier.verify(issuer.person("ada", "viewer"))
