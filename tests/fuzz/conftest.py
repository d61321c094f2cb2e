"""One stack for both fuzzers, so that each finds what the other has left behind."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.estate import Estate, opened


@pytest.fixture(scope="session")
def estate() -> Iterator[Estate]:
    """Run the stack until the last test is done; what its processes wrote is shown if it cannot be made."""
    home = Path(tempfile.mkdtemp(prefix="lf-fuzz-"))
    with opened(home) as found:
        yield found
    shutil.rmtree(home)
