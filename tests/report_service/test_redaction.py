"""Promise: what is named like a secret is replaced at any depth, and can still be compared."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report_service import payload
from report_service.redaction import REDACTED, Redaction, is_secret

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


SECRET = """
    password passwords dbPassword DB_PASSWORD passphrase api_key apiKey APIKey X-API-Key apikey token token2
    access_token refreshToken authorization Proxy-Authorization cookie Cookie set-cookie setCookie cookies
    client_secret secrets private_key credential credentials aws_secret_access_key session_id PIN jwt
""".split()  # noqa: SIM905
PUBLIC = """
    token_count password_policy cookie_banner shipping spin keyword monkey key author secretary tokenizer
    bearing title email 42 _
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", SECRET)
def test_the_name_of_a_secret_is_known_in_any_spelling(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", [*PUBLIC, ""])
def test_a_name_that_only_sounds_like_one_is_left_alone(name: str) -> None:
    assert not is_secret(name)


def test_secrets_are_replaced_at_any_depth_and_nothing_else_is_touched() -> None:
    data: dict[str, Any] = {
        "title": "hunter2 is a poor password",
        "login": {"user": "ada", "password": "hunter2", "steps": [{"token": 1234.0}, ["x", {"pin": "99"}]]},
        "cookies": [{"name": "sid", "value": "hunter2"}],
    }
    redacted = Redaction("key").of(data)
    assert redacted["title"] == data["title"]
    assert redacted["login"]["user"] == "ada"
    assert redacted["login"]["steps"][1][0] == "x"
    replaced = [
        redacted["login"]["password"],
        redacted["login"]["steps"][0]["token"],
        redacted["login"]["steps"][1][1]["pin"],
        redacted["cookies"],
    ]
    assert all(each.startswith(f"{REDACTED} hmac-sha256:") for each in replaced)
    assert len(set(replaced)) == 4


@pytest.mark.parametrize("nothing", [None, "", True, False, [], {}])
def test_what_holds_no_secret_may_stay(nothing: Any) -> None:
    assert Redaction("key").of({"password": nothing}) == {"password": nothing}


def test_equal_secrets_are_seen_to_be_equal_under_one_key_only() -> None:
    first, second = Redaction("one"), Redaction("another")
    assert first.of({"token": "x"}) == first.of({"token": "x"})
    assert first.of({"token": "x"}) != first.of({"token": "y"})
    assert first.of({"token": "x"}) != second.of({"token": "x"})


def test_without_a_key_nothing_can_be_compared_or_guessed() -> None:
    assert Redaction().of({"token": "x"}) == {"token": REDACTED} == Redaction().of({"token": "y"})


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_no_secret_survives_wherever_it_stands(data: dict[str, Any]) -> None:
    told = json.dumps(Redaction("key").of({"outer": [data, {"api_key": "hunter2"}]}))
    assert "hunter2" not in told


@given(st.dictionaries(st.sampled_from(["title", "count", "pages"]), JSON.filter(lambda it: not _names(it))))
def test_data_without_secrets_is_the_same_afterwards(data: dict[str, Any]) -> None:
    assert payload.canonical(Redaction("key").of(data)) == payload.canonical(data)


def _names(value: Any) -> bool:
    if isinstance(value, dict):
        return any(is_secret(name) or _names(each) for name, each in value.items())
    return isinstance(value, list) and any(map(_names, value))
