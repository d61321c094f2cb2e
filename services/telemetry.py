"""Logs and metrics: JSON lines on standard output, Prometheus on its own port.

Event names are constants of the form ``noun.verb``. A log line holds no secret and no personal
data beyond the subject of the call.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from services import identity
from services.settings import ServiceSettings

RPC_HANDLED = "rpc.handled"
RPC_FAILED = "rpc.failed"
REFUSAL_UNNOTED = "refusal.unnoted"
PROCESS_READY = "process.ready"
PROCESS_UNREADY = "process.unready"
HEALTH_READY = "health.ready"
PROCESS_STOPPING = "process.stopping"
PROCESS_STOPPED = "process.stopped"
JOB_RETRIED = "job.retried"
JOB_FAILED = "job.failed"
LOOP_FAILED = "loop.failed"
CERTIFICATE_RENEWED = "certificate.renewed"
CERTIFICATE_UNUSABLE = "certificate.unusable"

# Names and labels of go-grpc-prometheus, so that stock dashboards work.
STARTED = Counter("grpc_server_started_total", "RPCs begun.", ["grpc_type", "grpc_service", "grpc_method"])
HANDLED = Counter(
    "grpc_server_handled_total",
    "RPCs ended, by status.",
    ["grpc_type", "grpc_service", "grpc_method", "grpc_code"],
)
HANDLING = Histogram(
    "grpc_server_handling_seconds",
    "How long RPCs took.",
    ["grpc_type", "grpc_service", "grpc_method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
UNNOTED = Counter("leadfactory_refusals_unnoted_total", "Refused calls that could not be noted in an audit.")
IN_FLIGHT = Gauge("grpc_server_in_flight", "RPCs being served now.")
JOBS = Counter("leadfactory_jobs_total", "Jobs ended, by outcome.", ["entrypoint", "outcome"])


class _Lines:
    """Where the lines of a logger go: straight to standard output, each in one piece."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str | bytes) -> None:
        output = sys.stdout.buffer
        output.write((line if isinstance(line, bytes) else line.encode("utf-8", "replace")) + b"\n")
        output.flush()

    debug = info = warning = error = critical = exception = msg


def configure(settings: ServiceSettings, process: str) -> None:
    """Send every log line of this process, the libraries' too, to standard output."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if settings.log_format == "json"
        # Tracebacks without local variables, which may hold a token.
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_call(process),
        structlog.processors.format_exc_info,
    ]
    # Lines of our own do not pass through the standard library's logging, which takes longer to hand one on
    # than all else that is done for it; a line is written for every call.
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, _text],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for noisy in ("httpx", "httpcore", "fontTools", "weasyprint", "pgqueuer", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def serve_metrics(settings: ServiceSettings) -> int:
    """Serve this process's metrics and return the port."""
    server, _ = start_http_server(settings.metrics_port, settings.metrics_host)
    return int(server.server_port)


def _json(event: Any, **options: Any) -> bytes:
    try:
        return orjson.dumps(event, **options)
    except TypeError:
        # Half a surrogate pair, or a number beyond 64 bits: no line is lost for what it says.
        return json.dumps(event, **options).encode()


def _text(_: Any, __: str, line: Any) -> str:
    return line.decode() if isinstance(line, bytes) else str(line)


def _name_call(process: str) -> structlog.typing.Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        call = identity.current_call()
        if call is not None:
            event.setdefault("request_id", call.request_id)
            event.setdefault("method", call.method)
        return event

    return add
