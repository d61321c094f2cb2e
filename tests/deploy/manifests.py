"""The Kustomize base, and what is built on it, as they render; and what the code says of each process."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gateway.settings
import lead_service.settings
import lineage_service.settings
import report_service.settings
from deploy.kubernetes.check import BASE, render
from services.settings import ServiceSettings

PROCESSES: dict[str, type[ServiceSettings]] = {
    "lead": lead_service.settings.ServerSettings,
    "lead-worker": lead_service.settings.WorkerSettings,
    "report": report_service.settings.ServerSettings,
    "report-worker": report_service.settings.WorkerSettings,
    "lineage": lineage_service.settings.ServerSettings,
    "lineage-worker": lineage_service.settings.WorkerSettings,
    "gateway": gateway.settings.GatewaySettings,
}
MIGRATIONS: dict[str, type[ServiceSettings]] = {
    "lead-migrate": lead_service.settings.MigrationSettings,
    "report-migrate": report_service.settings.MigrationSettings,
    "lineage-migrate": lineage_service.settings.MigrationSettings,
}
# What the cluster brings and the base only refers to; docs/operations.md says how to make it.
ISSUERS = {"IDENTITY_ISSUER": "https://login.example", "WORKLOAD_ISSUER": "https://cluster.example"}
SECRETS = {
    f"{context}-database{suffix}": f"{context}{key}_database_url"
    for context in ("lead", "report", "lineage")
    for suffix, key in (("", ""), ("-owner", "_migration"))
}


@dataclass(frozen=True)
class Workload:
    """A Deployment or a Job."""

    name: str
    manifest: dict[str, Any]
    folder: Path = BASE

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.manifest["spec"]["template"]["metadata"]["labels"])

    @property
    def pod(self) -> dict[str, Any]:
        return dict(self.manifest["spec"]["template"]["spec"])

    @property
    def container(self) -> dict[str, Any]:
        (only,) = self.pod["containers"]
        return dict(only)

    @property
    def mounts(self) -> dict[str, dict[str, Any]]:
        """Volumes by where they are mounted."""
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        return {mount["mountPath"]: volumes[mount["name"]] for mount in self.container["volumeMounts"]}

    @property
    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the process sees."""
        maps = {each["metadata"]["name"]: each["data"] for each in objects("ConfigMap", self.folder)}
        found: dict[str, str] = {}
        for source in self.container["envFrom"]:
            found |= maps[source["configMapRef"]["name"]]
        for variable in self.container.get("env", []):
            reference = variable["valueFrom"]["configMapKeyRef"]
            assert reference["name"] == "issuers"
            found[variable["name"]] = ISSUERS[reference["key"]]
        return found


@cache
def rendered(folder: Path) -> list[dict[str, Any]]:
    return render(folder)


def objects(kind: str, folder: Path = BASE) -> list[dict[str, Any]]:
    return [each for each in rendered(folder) if each["kind"] == kind]


def workloads(folder: Path = BASE) -> dict[str, Workload]:
    manifests = objects("Deployment", folder) + objects("Job", folder)
    return {each["metadata"]["name"]: Workload(each["metadata"]["name"], each, folder) for each in manifests}


def selected(labels: dict[str, str]) -> list[str]:
    """Return the workloads whose pods carry all of these labels."""
    return [name for name, each in workloads().items() if labels.items() <= each.labels.items()]
