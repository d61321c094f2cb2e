"""The gateway refuses to be reachable from elsewhere unless people come from a real issuer."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings
from services.settings import InvalidSettings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_loopback_needs_no_issuer(host: str) -> None:
    assert GatewaySettings(gateway_host=host).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
@pytest.mark.parametrize("issuer", ["", "local", "http://issuer.test"])
def test_any_other_address_needs_an_oidc_issuer(host: str, issuer: str) -> None:
    with pytest.raises(ValidationError, match="OIDC"):
        GatewaySettings(gateway_host=host, identity_issuer=issuer)
    assert not GatewaySettings(gateway_host=host, identity_issuer="https://issuer.test").is_loopback


def test_the_refusal_is_one_line_that_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_HOST", "0.0.0.0")
    with pytest.raises(InvalidSettings, match=r"GATEWAY_HOST=0\.0\.0\.0") as caught:
        GatewaySettings.load()
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("url", ["leads.example.com", "ftp://x", "https://x/path", "https://"])
def test_the_public_url_is_an_origin(url: str) -> None:
    with pytest.raises(ValidationError, match="origin"):
        GatewaySettings(gateway_public_url=url)


CLIENT = {
    "identity_issuer": "https://issuer.test",
    "gateway_public_url": "https://leads.test",
    "oidc_client_id": "gateway",
    "session_key_file": "keys",
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"identity_issuer": "http://issuer.test"}, "IDENTITY_ISSUER"),
        ({"identity_issuer": "local"}, "IDENTITY_ISSUER"),
        ({"gateway_public_url": ""}, "GATEWAY_PUBLIC_URL"),
        ({"gateway_public_url": "http://leads.test"}, "GATEWAY_PUBLIC_URL"),
        ({"session_key_file": None}, "SESSION_KEY_FILE"),
        ({"identity_audience": "gateway"}, "ID tokens"),
    ],
)
def test_a_client_that_could_not_sign_anybody_in_safely_does_not_start(
    change: dict[str, Any], named: str
) -> None:
    assert GatewaySettings(**CLIENT).oidc_client_id
    with pytest.raises(ValidationError, match=named):
        GatewaySettings(**{**CLIENT, **change})


@pytest.mark.parametrize("origins", ["*", "https://a.example,b.example", "https://a.example/x"])
def test_sites_that_may_call_are_origins(origins: str) -> None:
    with pytest.raises(ValidationError, match="origin"):
        GatewaySettings(gateway_cors_origins=origins)
    found = GatewaySettings(gateway_cors_origins=" https://a.example/, http://b.example:8080,")
    assert found.gateway_cors_origins == ("https://a.example", "http://b.example:8080")
