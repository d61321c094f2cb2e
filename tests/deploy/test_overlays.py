"""What is switched on above the base fits it and the code: signing in, mutual TLS, and its certificates."""

from pathlib import Path
from typing import Any

import pytest

from deploy.kubernetes.check import EXAMPLE
from services.certificates import Certificates
from services.process import READINESS
from tests.deploy.manifests import MIGRATIONS, PROCESSES, SECRETS, Workload, objects, workloads
from tests.fixtures.certificates import Authority

SERVED = ("lead", "report", "lineage")
# What cert-manager writes into a Secret.
FILES = {"tls_certificate_file": "tls.crt", "tls_key_file": "tls.key", "tls_authority_file": "ca.crt"}


@pytest.fixture(params=PROCESSES)
def process(request: pytest.FixtureRequest) -> Workload:
    return workloads(EXAMPLE)[request.param]


def certificate(name: str) -> dict[str, Any]:
    (only,) = (each["spec"] for each in objects("Certificate", EXAMPLE) if each["metadata"]["name"] == name)
    return dict(only)


def secret_at(process: Workload, folder: Path) -> str:
    return str(process.mounts[str(folder)]["secret"]["secretName"])


def test_every_setting_of_the_example_is_one_that_its_process_reads() -> None:
    for name, workload in workloads(EXAMPLE).items():
        if name in PROCESSES:
            known = {field.upper() for field in PROCESSES[name].model_fields}
            assert set(workload.environment) - {"SECRETS_DIRECTORY"} <= known


def test_a_process_starts_with_what_the_example_gives_it(
    process: Workload, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown = authority.settings(process.name)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, value in process.environment.items():
        if name in ("EVIDENCE_SIGNING_KEY_FILE", "SESSION_KEY_FILE"):
            value = str(tmp_path / Path(value).name)
            Path(value).touch()
        monkeypatch.setenv(name, str(shown.get(name.lower(), value)))
    mounted = secret_at(process, Path(process.environment["SECRETS_DIRECTORY"]))
    if process.name == "gateway":
        (secrets / "oidc_client_secret").write_text("secret")
    else:
        (secrets / SECRETS[mounted]).write_text("postgresql://role:secret@database/context")
    monkeypatch.setenv("SECRETS_DIRECTORY", str(secrets))
    settings = PROCESSES[process.name].load()
    assert Certificates.of(settings) is not None
    if process.name == "gateway":
        assert settings.oidc_client_secret.get_secret_value() == "secret"  # type: ignore[attr-defined]


def test_a_process_shows_the_certificate_that_was_made_for_it(process: Workload) -> None:
    settings = process.environment
    for setting, file in FILES.items():
        path = Path(settings[setting.upper()])
        assert path.name == file
        assert secret_at(process, path.parent) == certificate(process.name)["secretName"]
        mounts = process.container["volumeMounts"]
        assert not [each for each in mounts if each["mountPath"] == str(path.parent) and "subPath" in each]
    made = certificate(process.name)
    # The process's own name: whose token is believed on its connections, and the host of its address.
    assert made["dnsNames"] == [process.name]
    assert {"server auth", "client auth"} <= set(made["usages"])
    assert {setting: settings[setting] for setting in settings if setting.endswith("_SERVICE_ADDRESS")} == {
        setting: f"dns:///{setting.removesuffix('_SERVICE_ADDRESS').lower()}:50051"
        for setting in settings
        if setting.endswith("_SERVICE_ADDRESS")
    }


def test_certificates_come_from_an_authority_of_their_own() -> None:
    issuers = {each["metadata"]["name"]: each["spec"] for each in objects("Issuer", EXAMPLE)}
    assert set(PROCESSES) | {"authority"} == {
        each["metadata"]["name"] for each in objects("Certificate", EXAMPLE)
    }
    for name in PROCESSES:
        issuer = issuers[certificate(name)["issuerRef"]["name"]]
        assert issuer["ca"]["secretName"] == certificate("authority")["secretName"]
    assert certificate("authority")["isCA"]
    assert issuers[certificate("authority")["issuerRef"]["name"]] == {"selfSigned": {}}


def test_probes_ask_where_no_certificate_is_wanted(process: Workload) -> None:
    probes = [process.container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")]
    if process.name == "gateway":
        assert all("httpGet" in each for each in probes)
        return
    assert {each["grpc"]["port"] for each in probes} == {int(process.environment["HEALTH_PORT"])}
    assert process.ports["health"] == int(process.environment["HEALTH_PORT"])
    assert process.ports["grpc"] == int(process.environment["GRPC_PORT"])
    assert [each["grpc"]["service"] for each in probes] == ["", "", READINESS]


def test_what_speaks_tls_is_not_announced_as_plain_text() -> None:
    offered = {each["metadata"]["name"]: each["spec"]["ports"][0] for each in objects("Service", EXAMPLE)}
    assert {offered[name]["appProtocol"] for name in SERVED} == {"https"}
    assert offered["gateway"]["appProtocol"] == "http"


def test_the_gateway_alone_holds_what_signing_in_needs_and_may_reach_the_provider() -> None:
    for name, workload in workloads(EXAMPLE).items():
        held = {each["secret"]["secretName"] for each in workload.mounts.values() if "secret" in each}
        assert ("gateway-sign-in" in held) == (name == "gateway")
    settings = workloads(EXAMPLE)["gateway"].environment
    assert Path(settings["SESSION_KEY_FILE"]).parent == Path(settings["SECRETS_DIRECTORY"])
    (policy,) = (
        each["spec"] for each in objects("NetworkPolicy", EXAMPLE) if each["metadata"]["name"] == "provider"
    )
    assert policy["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "gateway"}
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [443]


def test_what_the_example_adds_to_the_base_leaves_migrations_as_they_are() -> None:
    for name in MIGRATIONS:
        before, after = workloads()[name], workloads(EXAMPLE)[name]
        assert set(after.mounts) == set(before.mounts)
