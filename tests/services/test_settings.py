"""Promise: every setting explains itself, secrets may be files, and a wrong one is named in one line."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings
from lead_service.settings import LeadSettings
from lineage_service.settings import LineageSettings
from report_service.settings import ReportSettings
from services.settings import InvalidSettings, ServiceSettings

EVERY = [ServiceSettings, LeadSettings, ReportSettings, LineageSettings, GatewaySettings]


@pytest.mark.parametrize("settings", EVERY, ids=lambda each: each.__name__)
def test_every_setting_has_a_sentence(settings: type[ServiceSettings]) -> None:
    for name, field in settings.model_fields.items():
        assert field.description, name
        assert field.description.strip().endswith("."), name


def test_a_wrong_value_ends_the_process_with_the_name_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_PORT", "eighty")
    with pytest.raises(InvalidSettings, match="GRPC_PORT") as caught:
        ServiceSettings.load()
    assert "\n" not in str(caught.value)


def test_a_secret_is_read_from_a_file_of_the_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "identity_issuer").write_text("https://issuer.test\n")
    monkeypatch.setenv("SECRETS_DIRECTORY", str(tmp_path))
    assert ServiceSettings.load().identity_issuer == "https://issuer.test"


def test_by_default_nothing_listens_beyond_this_machine_and_nobody_is_admitted() -> None:
    settings = ServiceSettings.load()
    assert (settings.grpc_host, settings.metrics_host) == ("127.0.0.1", "127.0.0.1")
    assert settings.identity_issuer == settings.workload_issuer == ""


@pytest.mark.parametrize("names", ["sales", "sales=", "sales=emperor"])
def test_a_name_for_a_role_that_does_not_exist_is_refused(names: str) -> None:
    with pytest.raises(ValidationError, match="sales"):
        ServiceSettings(identity_role_names=names)
