"""Promise: enrichment's settings are read from the environment, and a wrong one is named at the start."""

import ssl
from ipaddress import ip_network
from pathlib import Path

import pytest

from lead_service.settings import MigrationSettings, WorkerSettings
from lead_service.worker import providers
from services.settings import InvalidSettings
from tests.site import Site

URL = "postgresql://lead_app@localhost/lead"


def test_defaults_reach_the_public_internet_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_DATABASE_URL", URL)
    settings = WorkerSettings.load()
    assert settings.enrichment_nameservers == ()
    assert settings.enrichment_allowed_networks == ()
    assert settings.enrichment_ports == (80, 443)
    assert settings.enrichment_ca_bundle is None


def test_the_site_s_settings_are_understood(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_DATABASE_URL", URL)
    for name, value in site.settings.items():
        monkeypatch.setenv(name, value)
    settings = WorkerSettings.load()
    assert settings.enrichment_nameservers == (("127.0.0.1", int(site.nameserver.split(":")[1])),)
    assert settings.enrichment_allowed_networks == (ip_network("127.0.0.0/8"),)
    assert settings.enrichment_ports == (site.http_port, site.https_port)
    names = {provider.name for provider in providers(settings)}
    assert names == {"address", "dns", "homepage", "mail", "site", "tls"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENRICHMENT_NAMESERVERS", "dns.example.com"),
        ("ENRICHMENT_ALLOWED_NETWORKS", "everything"),
        ("ENRICHMENT_PORTS", "80"),
        ("ENRICHMENT_PORTS", "0,443"),
        ("ENRICHMENT_PORTS", "80,443,8080"),
        ("ENRICHMENT_BUDGET_SECONDS", "0"),
    ],
)
def test_a_wrong_setting_ends_the_process_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("LEAD_DATABASE_URL", URL)
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match=name):
        WorkerSettings.load()


def test_a_ca_bundle_that_is_none_is_not_overlooked(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        providers(WorkerSettings(lead_database_url=URL, enrichment_ca_bundle=bundle))


def test_migrations_run_as_the_owner_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_DATABASE_URL", URL)
    assert MigrationSettings.load().lead_migration_database_url == URL
    monkeypatch.setenv("LEAD_MIGRATION_DATABASE_URL", "postgresql://lead_owner@localhost/lead")
    assert "lead_owner" in MigrationSettings.load().lead_migration_database_url
