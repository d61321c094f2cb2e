"""Calls point one way: the cluster's network lets through exactly the edges that the code has.

The policies are evaluated as Kubernetes does: once any policy selects a pod for a direction, only
what some policy of that direction names passes; an edge needs both ends' consent.
"""

from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

import pytest

from tests.deploy.manifests import MIGRATIONS, PROCESSES, Workload, objects, workloads

CONTEXTS = ("lead", "report", "lineage")
INTERNET = ("1.1.1.1", "93.184.215.14", "151.101.1.1", "203.1.2.3", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
NOT_INTERNET = (
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "224.0.0.1",
    "::1",
    "fd00::1",
    "fe80::1",
    "2002:a00:1::1",
)


@pytest.fixture(params=[*PROCESSES, *MIGRATIONS])
def workload(request: pytest.FixtureRequest) -> Workload:
    return workloads()[request.param]


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        expression["operator"] == "In" and labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", [])
    )


def rules(direction: str, labels: dict[str, str]) -> list[dict[str, Any]] | None:
    """Return what policies let a pod receive or send; None if none of them holds it back."""
    applying = [
        each["spec"]
        for each in objects("NetworkPolicy")
        if direction in each["spec"]["policyTypes"] and matches(each["spec"]["podSelector"], labels)
    ]
    found = [rule for spec in applying for rule in spec.get(direction.lower(), [])]
    return found if applying else None


def passes(direction: str, labels: dict[str, str], peer: dict[str, str], port: int) -> bool:
    """Say whether a pod may exchange with another pod of its namespace in a direction."""
    allowed = rules(direction, labels)
    if allowed is None:
        return True
    key = "from" if direction == "Ingress" else "to"
    return any(
        port in {each["port"] for each in rule["ports"]}
        and (
            key not in rule
            or any(
                "namespaceSelector" not in each
                and "ipBlock" not in each
                and matches(each["podSelector"], peer)
                for each in rule[key]
            )
        )
        for rule in allowed
    )


def may_dial(labels: dict[str, str], address: str, port: int) -> bool:
    """Say whether a pod may reach an address outside of the cluster."""
    found = ip_address(address)
    return any(
        port in {each["port"] for each in rule["ports"]}
        and any(
            found in ip_network(block["cidr"])
            and not any(found in ip_network(exempt) for exempt in block.get("except", []))
            for block in (each["ipBlock"] for each in rule["to"] if "ipBlock" in each)
        )
        for rule in rules("Egress", labels) or []
    )


def grpc_edges(direction: str) -> set[tuple[str, str]]:
    """Return caller and called wherever the policies of one end let an RPC through."""
    return {
        (caller.name, called.name)
        for caller, called in product(workloads().values(), repeat=2)
        if (
            passes("Egress", caller.labels, called.labels, 50051)
            if direction == "Egress"
            else passes("Ingress", called.labels, caller.labels, 50051)
        )
    }


@pytest.mark.parametrize("direction", ["Egress", "Ingress"])
def test_an_rpc_passes_exactly_where_a_process_has_the_others_address(direction):
    configured = {
        (name, setting.removesuffix("_service_address"))
        for name, settings in PROCESSES.items()
        for setting in settings.model_fields
        if setting.endswith("_service_address")
    }
    assert grpc_edges(direction) == configured
    assert {called for _, called in configured} == set(CONTEXTS)


def test_calls_point_one_way():
    between = {
        (caller.partition("-")[0], called.partition("-")[0]) for caller, called in grpc_edges("Egress")
    }
    assert between == {
        ("gateway", "lead"),
        ("gateway", "report"),
        ("gateway", "lineage"),
        ("report", "lead"),
        ("report", "lineage"),
    }


def test_a_process_reaches_the_database_of_its_own_context_only(workload):
    reached = {
        context
        for context in CONTEXTS
        if passes("Egress", workload.labels, {"leadfactory/database": context}, 5432)
    }
    assert reached == {workload.name.partition("-")[0]} - {"gateway"}


def test_only_enrichment_and_messages_reach_the_internet_and_only_the_web(workload):
    ports = {"lead-worker": {80, 443}, "report-worker": {443}, "lineage-worker": {443}}
    for address, port in product(INTERNET, (80, 443)):
        assert may_dial(workload.labels, address, port) is (port in ports.get(workload.name, set()))
    for address in INTERNET:
        assert not may_dial(workload.labels, address, 25)
    for address in NOT_INTERNET:
        assert not may_dial(workload.labels, address, 443)


def test_a_pod_without_a_rule_of_its_own_is_held_back_both_ways(workload):
    assert rules("Ingress", {}) is not None
    assert rules("Egress", {}) is not None
    stranger = {"app.kubernetes.io/name": "stranger"}
    open_ports = {
        port for port in workload.ports.values() if passes("Ingress", workload.labels, stranger, port)
    }
    assert open_ports == ({workload.ports["http"]} if workload.name == "gateway" else set())
