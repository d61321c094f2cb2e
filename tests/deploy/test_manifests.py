"""The objects of the Kustomize base fit each other and the code.

``deploy.kubernetes.check`` holds each object against Kubernetes' schemas; here are the facts that no
schema knows: names, ports, labels, settings and probes that must be the same in several places.
"""

import re
import tomllib
from pathlib import Path

import pytest
from starlette.routing import Route

from gateway import app, backends, contract
from gateway.settings import GatewaySettings
from services.process import READINESS
from services.settings import ServiceSettings
from tests.deploy.manifests import MIGRATIONS, PROCESSES, SECRETS, Workload, objects, selected, workloads

ROOT = Path(__file__).parents[2]
URL = "postgresql://role:secret@database/context"
# Who signs a log, and the Secret with its key.
LOGS = {"lead-worker": "lead-log", "lineage-worker": "lineage-log"}


@pytest.fixture(params=[*PROCESSES, *MIGRATIONS])
def workload(request: pytest.FixtureRequest) -> Workload:
    return workloads()[request.param]


@pytest.fixture(params=PROCESSES)
def process(request: pytest.FixtureRequest) -> Workload:
    return workloads()[request.param]


def test_every_process_and_every_migration_is_there_and_nothing_else():
    assert set(workloads()) == {*PROCESSES, *MIGRATIONS}


def test_every_process_is_started_with_its_own_word(workload):
    word = {"worker": "work", "migrate": "migrate"}.get(workload.name.partition("-")[2], "serve")
    assert workload.container["args"] == [word]
    assert workload.labels["app.kubernetes.io/component"] == word


def test_every_setting_of_a_configmap_is_one_that_its_process_reads(workload):
    known = {name.upper() for name in (PROCESSES | MIGRATIONS)[workload.name].model_fields}
    if workload.name in MIGRATIONS:  # the common settings, of which a migration reads few
        known |= {name.upper() for name in ServiceSettings.model_fields}
    assert set(workload.environment) - {"SECRETS_DIRECTORY"} <= known


def test_a_process_starts_with_the_settings_that_it_is_given(workload, monkeypatch, tmp_path):
    for name, value in workload.environment.items():
        if name == "EVIDENCE_SIGNING_KEY_FILE":
            folder, file = value.rsplit("/", 1)
            assert workload.mounts[folder]["secret"]["secretName"] == LOGS[workload.name]
            value = str(tmp_path / file)
            Path(value).touch()
        monkeypatch.setenv(name, value)
    secrets = workload.mounts.get(workload.environment["SECRETS_DIRECTORY"])
    if secrets:
        (tmp_path / SECRETS[secrets["secret"]["secretName"]]).write_text(URL)
    monkeypatch.setenv("SECRETS_DIRECTORY", str(tmp_path))
    settings = (PROCESSES | MIGRATIONS)[workload.name].load()
    if workload.name != "gateway":
        assert URL in settings.model_dump().values()


def test_database_urls_are_files_and_never_environment_variables(workload):
    assert not [name for name in workload.environment if name.endswith("_URL") and "DATABASE" in name]
    assert not [source for source in workload.container["envFrom"] if "secretRef" in source]
    secrets = [each["secret"]["secretName"] for each in workload.mounts.values() if "secret" in each]
    context, _, role = workload.name.partition("-")
    expected = {"gateway": []}.get(context, [f"{context}-database{'-owner' if role == 'migrate' else ''}"])
    # Only who signs a log holds its key.
    assert secrets == expected + ([LOGS[workload.name]] if workload.name in LOGS else [])
    assert not objects("Secret"), "a Secret is referred to, never kept here"


def test_every_port_is_the_one_that_the_process_listens_on(process):
    settings = process.environment
    assert process.ports["metrics"] == int(settings["METRICS_PORT"])
    if process.name == "gateway":
        assert process.ports["http"] == int(settings["GATEWAY_PORT"])
    else:
        assert process.ports["grpc"] == int(settings["GRPC_PORT"])
    assert {settings[name] for name in settings if name.endswith("_HOST")} == {"0.0.0.0"}


def test_probes_ask_what_the_process_answers(process):
    container = process.container
    probes = [container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")]
    if process.name == "gateway":
        assert [probe["httpGet"]["path"] for probe in probes] == ["/healthz", "/healthz", "/readyz"]
        assert {process.ports[probe["httpGet"]["port"]] for probe in probes} == {process.ports["http"]}
    else:
        assert [probe["grpc"]["service"] for probe in probes] == ["", "", READINESS]
        assert {probe["grpc"]["port"] for probe in probes} == {process.ports["grpc"]}


async def test_the_gateway_has_the_pages_that_its_probes_ask_for():
    settings = GatewaySettings()
    async with backends.connect(settings, contract.image()) as opened:
        pages = {route.path for route in app.create(settings, opened).routes if isinstance(route, Route)}
    assert {"/healthz", "/readyz"} <= pages


def test_every_address_is_a_service_whose_port_leads_to_the_process(process):
    services = {each["metadata"]["name"]: each["spec"] for each in objects("Service")}
    for name, address in process.environment.items():
        if name.endswith("_SERVICE_ADDRESS"):
            host, port = re.fullmatch(r"dns:///([a-z]+):(\d+)", address).groups()  # type: ignore[union-attr]
            assert host == name.removesuffix("_SERVICE_ADDRESS").lower()
            (offered,) = services[host]["ports"]
            assert offered["port"] == int(port)
            assert workloads()[host].ports[offered["targetPort"]] == int(port)
            assert offered["appProtocol"] == "kubernetes.io/h2c"
            assert services[host]["clusterIP"] == "None"


def test_every_selector_finds_exactly_the_workload_of_its_name():
    for kind in ("Service", "PodDisruptionBudget", "Deployment"):
        for each in objects(kind):
            selector = each["spec"]["selector"]
            labels = selector if kind == "Service" else selector["matchLabels"]
            assert selected(labels) == [each["metadata"]["name"]], f"{kind} {each['metadata']['name']}"
    for name in PROCESSES:
        (spread,) = workloads()[name].pod["topologySpreadConstraints"]
        assert selected(spread["labelSelector"]["matchLabels"]) == [name]


def test_every_process_outlives_the_loss_of_one_pod(process):
    assert process.manifest["spec"]["replicas"] >= 2
    assert process.name in {each["metadata"]["name"] for each in objects("PodDisruptionBudget")}


def test_a_process_has_the_time_to_drain_before_it_is_killed(process):
    pause = process.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = PROCESSES[process.name].model_fields["drain_seconds"].default
    assert process.pod["terminationGracePeriodSeconds"] > pause + 2 * drain


def test_a_process_proves_who_it_is_with_its_own_account(process):
    settings = process.environment
    assert process.pod["serviceAccountName"] == process.name
    token = Path(settings["WORKLOAD_TOKEN_FILE"])
    (source,) = process.mounts[str(token.parent)]["projected"]["sources"]
    assert source["serviceAccountToken"]["path"] == token.name
    assert source["serviceAccountToken"]["audience"] == settings["IDENTITY_AUDIENCE"]
    namespace = process.manifest["metadata"]["namespace"]
    assert settings["WORKLOAD_SUBJECT_PREFIX"] == f"system:serviceaccount:{namespace}:"
    for name in ("IDENTITY_JWKS", "WORKLOAD_JWKS"):
        keys = Path(settings[name])
        items = process.mounts[str(keys.parent)]["configMap"]["items"]
        assert keys.name in {item["path"] for item in items}


def test_every_account_is_used_and_gives_no_access_to_kubernetes(workload):
    accounts = {each["metadata"]["name"]: each for each in objects("ServiceAccount")}
    assert set(accounts) == {each.pod["serviceAccountName"] for each in workloads().values()}
    assert accounts[workload.pod["serviceAccountName"]]["automountServiceAccountToken"] is False
    assert workload.pod["automountServiceAccountToken"] is False


def test_a_pod_has_no_privilege_and_writes_to_mounted_volumes_only(workload):
    assert workload.pod["securityContext"]["runAsNonRoot"] is True
    assert workload.pod["securityContext"]["runAsUser"] >= 10_000
    assert workload.pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = workload.container["securityContext"]
    assert security == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert "emptyDir" in workload.mounts["/tmp"]
    resources = workload.container["resources"]
    assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}


def test_no_variable_of_kubernetes_own_is_taken_for_a_setting(workload):
    # Service links would set GATEWAY_PORT to an URL.
    assert workload.pod["enableServiceLinks"] is False


def test_every_image_is_a_target_of_the_containerfile_in_this_version(workload):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    context = workload.name.partition("-")[0]
    assert workload.container["image"] == f"leadfactory/{context}:{version}"
    containerfile = (ROOT / "deploy/images/Containerfile").read_text()
    assert f"FROM base AS {context}\n" in containerfile
    assert f"ARG VERSION={version}\n" in containerfile
