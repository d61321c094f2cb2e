"""The table of processes: what runs, with which settings, and in which order it ends."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from deploy.local import keys
from deploy.local.home import Home
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import CONTEXTS, SUPERUSER, Postgres

Probe = Callable[[], Awaitable[bool]]

DATABASE = "postgres"
GATEWAY = "gateway"
PYTHON = [name for context in CONTEXTS for name in (context, f"{context}-worker")] + [GATEWAY]
NAMES = [DATABASE, *PYTHON]
PORTS = 2 + 2 * len(PYTHON)
LOGS = {"lead-worker": "leads", "lineage-worker": "lineage"}
"""Who seals a log, and what it is called in this home."""


@dataclass(frozen=True)
class Process:
    """One child of the supervisor."""

    name: str
    command: list[str]
    environment: dict[str, str]
    probe: Probe
    """Answers whether the process does its work now."""
    stop_order: int = 0
    """Lower numbers are stopped first, equal ones together."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends if the supervisor dies."""
    account: str | None = None


@dataclass(frozen=True)
class Addresses:
    """The TCP ports of one run; a process that is restarted gets its own again."""

    gateway: int
    database: int
    grpc: dict[str, int]
    metrics: dict[str, int]

    @classmethod
    def among(cls, ports: Iterable[int], gateway: int) -> "Addresses":
        """Give everybody one of the ports; the gateway only if its own is 0."""
        free = iter(ports)
        grpc, metrics = ({name: next(free) for name in PYTHON} for _ in range(2))
        return cls(gateway or next(free), next(free), grpc, metrics)

    @property
    def url(self) -> str:
        """Where people and programs reach the gateway."""
        return f"http://{LOOPBACK}:{self.gateway}"

    def endpoints(self, postgres: Postgres) -> dict[str, object]:
        """Return what ``run/endpoints.json`` says."""
        return {
            "gateway": {"url": self.url},
            "grpc": {context: f"{LOOPBACK}:{self.grpc[context]}" for context in CONTEXTS},
            "metrics": {name: f"{LOOPBACK}:{port}" for name, port in self.metrics.items()},
            "databases": {context: postgres.url(context, SUPERUSER) for context in CONTEXTS},
        }


def table(home: Home, addresses: Addresses, postgres: Postgres) -> dict[str, Process]:
    """Return every process by name."""
    processes = [
        Process(
            DATABASE,
            postgres.server,
            _surroundings(),
            postgres.accepts_connections,
            stop_order=2,
            # Both leave the data consistent: `fast` on a stop, `immediate` if nobody is left to wait.
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGQUIT,
            account=postgres.account,
        )
    ]
    for name in PYTHON:
        context = name.removesuffix("-worker")
        command = [sys.executable, "-m", GATEWAY]
        if name != GATEWAY:
            command = [sys.executable, "-m", f"{context}_service", "work" if name != context else "serve"]
        processes.append(
            Process(
                name,
                command,
                _settings(home, addresses, postgres, name),
                _listens(addresses.gateway if name == GATEWAY else addresses.metrics[name]),
                # The gateway and the workers call the services, so these stay until the others are gone.
                stop_order=1 if name in CONTEXTS else 0,
            )
        )
    return {process.name: process for process in processes}


def migration(context: str, postgres: Postgres) -> tuple[list[str], dict[str, str]]:
    """Return the command that brings a context's schema up to date, with its environment."""
    url = {f"{context.upper()}_MIGRATION_DATABASE_URL": postgres.url(context, f"{context}_owner")}
    return [sys.executable, "-m", f"{context}_service", "migrate"], _surroundings() | url


def _settings(home: Home, addresses: Addresses, postgres: Postgres, name: str) -> dict[str, str]:
    people, workloads = keys.people(home), keys.workloads(home)
    settings = {
        "GRPC_HOST": LOOPBACK,
        "GRPC_PORT": str(addresses.grpc[name]),
        "METRICS_HOST": LOOPBACK,
        "METRICS_PORT": str(addresses.metrics[name]),
        "IDENTITY_ISSUER": people.name,
        "IDENTITY_AUDIENCE": keys.AUDIENCE,
        "IDENTITY_JWKS": str(people.key_set),
        "WORKLOAD_ISSUER": workloads.name,
        "WORKLOAD_JWKS": str(workloads.key_set),
        "WORKLOAD_TOKEN_FILE": str(keys.workload_token_file(home, name)),
    }
    settings |= {
        f"{context.upper()}_SERVICE_ADDRESS": f"{LOOPBACK}:{addresses.grpc[context]}" for context in CONTEXTS
    }
    context = name.removesuffix("-worker")
    if context in CONTEXTS:
        settings[f"{context.upper()}_DATABASE_URL"] = postgres.url(context, f"{context}_app")
        # A pool keeps what it once opened, and each connection is a server process.
        connections = f"{context.upper()}_DATABASE_CONNECTIONS"
        settings[connections] = os.environ.get(connections, "5")
    if name in LOGS:
        settings["EVIDENCE_SIGNING_KEY_FILE"] = str(keys.log_key(home, LOGS[name]))
        settings["EVIDENCE_CHECKPOINTS_FILE"] = str(home.checkpoints / LOGS[name])
    if context == "report":
        settings["WEBHOOK_KEY"] = keys.webhook_key(home)
        settings["OBJECTS_URL"] = home.objects.as_uri()
        settings["PUBLIC_URL"] = os.environ.get("PUBLIC_URL", f"http://{LOOPBACK}:{addresses.gateway}")
    if name == "report":
        settings["REDACTION_KEY"] = keys.redaction_key(home)
    if name == GATEWAY:
        settings["GATEWAY_HOST"] = LOOPBACK
        settings["GATEWAY_PORT"] = str(addresses.gateway)
        settings["LOGIN_DIRECTORY"] = str(home.logins)
    return _surroundings() | settings


def _surroundings() -> dict[str, str]:
    """Return the caller's environment, whose settings apply, made safe for calls on loopback."""
    surroundings = dict(os.environ)
    # gRPC would send even loopback calls through a proxy.
    direct = {LOOPBACK, "localhost", *filter(None, surroundings.get("no_proxy", "").split(","))}
    surroundings["no_proxy"] = surroundings["NO_PROXY"] = ",".join(sorted(direct))
    surroundings.setdefault("DRAIN_SECONDS", "2")
    # Nothing forks a process that serves gRPC; without this each start of a renderer is complained about.
    surroundings.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # Threads would otherwise keep a heap each, which is memory and no speed at this size.
    surroundings.setdefault("MALLOC_ARENA_MAX", "2")
    return surroundings


def _listens(port: int) -> Probe:
    async def probe() -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            return False
        writer.close()
        return True

    return probe
