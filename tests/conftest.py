"""What every test may lean on. The environment is scrubbed, so that no setting leaks in."""

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

pytest_plugins = [
    "tests.fixtures.door",
    "tests.fixtures.receiver",
    "tests.fixtures.postgres",
    "tests.fixtures.evidence",
    "tests.fixtures.identity",
    "tests.fixtures.provider",
    "tests.fixtures.certificates",
    "tests.fixtures.gateway",
    "tests.fixtures.rpc",
    "tests.fixtures.stack",
    "tests.fixtures.thief",
]

# How long an example takes is the machine's affair: tests tell what is true, benches how fast it is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "CI", "TERM", "TZ"}
KEPT_PREFIXES = ("PYTEST", "COV", "PIP_", "SSL_", "NODE", "npm_", "NPM_")


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Log without structlog's default for terminals, which takes seconds to draw a traceback."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.LogfmtRenderer()]
    )


@pytest.fixture(scope="session", autouse=True)
def scrubbed_environment() -> Iterator[None]:
    """Forget every variable of the caller's that a setting could be read from."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name not in KEPT and not name.startswith(KEPT_PREFIXES):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)
