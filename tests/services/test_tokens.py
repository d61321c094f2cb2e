"""Promise: only a token that the right issuer signed, for us, in time, speaks for anybody."""

import asyncio
import base64
import hmac
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
from tests.fixtures.identity import PEOPLE, WORKLOADS, Issuer


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier.from_settings(ServiceSettings(**issuer.settings()))


def unsigned(claims: dict[str, Any], header: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part(header)}.{part(claims)}."


def hmac_signed(claims: dict[str, Any], header: dict[str, Any], secret: bytes) -> str:
    text = unsigned(claims, header).rstrip(".")
    digest = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


async def test_a_person_is_known_by_subject_and_roles(issuer: Issuer, verifier: TokenVerifier) -> None:
    principal = await verifier.verify(issuer.person("ada", "operator", "emperor"))
    assert principal.subject == "ada"
    assert principal.roles == {"operator"}
    assert principal.workload is None


async def test_a_process_is_known_by_name_and_holds_no_role(issuer: Issuer, verifier: TokenVerifier) -> None:
    principal = await verifier.verify(issuer.workload("report-worker", roles=["admin"]))
    assert (principal.subject, principal.workload) == ("system:report-worker", "report-worker")
    assert principal.roles == frozenset()


HOSTILE: dict[str, Callable[[Issuer], str]] = {
    "no algorithm": lambda i: unsigned(
        {"iss": PEOPLE, "sub": "ada", "aud": "leadfactory", "exp": int(time.time()) + 60}, {"alg": "none"}
    ),
    "another's key": lambda i: i.sign(
        {"iss": PEOPLE, "sub": "ada"}, ECKey.generate_key("P-256", {"kid": "people-1"})
    ),
    "a process's key for a person": lambda i: i.sign({"iss": PEOPLE, "sub": "ada"}, i.workload_key),
    "a person's key for a process": lambda i: i.sign(
        {"iss": WORKLOADS, "sub": "system:gateway"}, i.people_key
    ),
    "a person named as a process": lambda i: i.person("system:gateway", "admin"),
    "a process named as a person": lambda i: i.workload("x", sub="ada"),
    "public key as HMAC secret": lambda i: hmac_signed(
        {"iss": PEOPLE, "sub": "ada", "aud": "leadfactory", "exp": int(time.time()) + 60},
        {"alg": "HS256", "kid": "people-1"},
        i.people_key.as_pem(private=False),
    ),
    "expired": lambda i: i.person("ada", "admin", exp=int(time.time()) - 120),
    "not yet valid": lambda i: i.person("ada", "admin", nbf=int(time.time()) + 120),
    "for another audience": lambda i: i.person("ada", "admin", aud="elsewhere"),
    "no audience": lambda i: i.person("ada", "admin", aud=None),
    "no expiry": lambda i: i.person("ada", "admin", exp=None),
    "no subject": lambda i: i.person("ada", "admin", sub=None),
    "an empty subject": lambda i: i.person("", "admin"),
    "a subject with a line break": lambda i: i.person("ada\nroot", "admin"),
    "another issuer": lambda i: i.person("ada", "admin", iss="https://elsewhere.test"),
    "roles that are a text": lambda i: i.person("ada", roles="admin"),
    "a key of its own in the header": lambda i: i.sign(
        {"iss": PEOPLE, "sub": "ada"},
        (mine := ECKey.generate_key("P-256")),
        {"alg": "ES256", "jwk": mine.as_dict(private=False)},
    ),
    "an unknown critical header": lambda i: (
        unsigned({"iss": PEOPLE}, {"alg": "ES256", "crit": ["x"], "x": 1}) + "AA"
    ),
    "one megabyte": lambda i: i.person("ada", "admin", padding="x" * 1_000_000),
    "not a token": lambda i: "hello",
    "three empty parts": lambda i: "..",
    "not ASCII": lambda i: "é.é.é",
}


@pytest.mark.parametrize("forge", HOSTILE.values(), ids=HOSTILE.keys())
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
