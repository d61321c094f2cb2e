"""Promise: Ctrl-C ends a command at the first press, wherever it is, with status 130 and one line."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from client.places import CHECKOUT

# The test fails after this; what it asserts is that one press was enough.
PATIENCE_SECONDS = 30
STUBBORN = """
import time
from client.interruption import heeded

def command():
    print("begun", flush=True)
    time.sleep(600)

heeded(command, lambda: None)
"""


@contextmanager
def calling(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command until it has called a service that takes the connection, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        process = started(environment, "-m", "client", "--address", address, *arguments)
        connection, _ = silent.accept()
        with connection:
            yield process


def started(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pressed(process: subprocess.Popen[str]) -> tuple[int, str, Sequence[str]]:
    """Press Ctrl-C once, and return the status and what was printed."""
    process.send_signal(signal.SIGINT)
    try:
        # Not communicate(), which would close standard input, and end what reads it.
        process.wait(PATIENCE_SECONDS)
        out, err = process.communicate()
    finally:
        process.kill()
    return process.returncode, out, err.splitlines()


# gRPC does most of what is its own in the first moments.
@pytest.mark.parametrize("seconds", [0, 0.005, 0.2])
@pytest.mark.parametrize("command", ["list", "watch"])
def test_a_call_ends_at_once(environment: dict[str, str], command: str, seconds: float):
    with calling(environment, "leads", command) as process:
        time.sleep(seconds)
        assert pressed(process) == (130, "", ["Interrupted."])


def test_a_download_leaves_no_file(environment: dict[str, str], tmp_path: Path):
    folder = tmp_path / "here"
    folder.mkdir()
    with calling(environment, "leads", "export", "-o", str(folder / "leads.csv")) as process:
        assert pressed(process) == (130, "", ["Interrupted."])
    assert list(folder.iterdir()) == []


def test_an_import_that_reads_what_is_typed_says_how_to_go_on(environment: dict[str, str]):
    with calling(environment, "leads", "import", "-", "--request-id", "mine") as process:
        status, out, lines = pressed(process)
    assert (status, out, lines[-1]) == (130, "", "Interrupted.")
    assert "--request-id mine" in lines[0]


def test_what_does_not_hear_of_it_is_ended_all_the_same(environment: dict[str, str]):
    process = started(environment, "-c", STUBBORN)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    assert pressed(process) == (130, "", ["Interrupted."])


def test_whoever_ignores_it_is_not_interrupted(environment: dict[str, str]):
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "-", sys.executable, "-m", "client", "--help"]
    ran = subprocess.run(ignoring, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
