"""Promise: no message makes a service answer INTERNAL or UNKNOWN, or with what breaks its own rules.

All RPCs of all services, straight over gRPC, with what hypothesis draws from the descriptors. `make test`
sends a few hundred cases, `make fuzz` 10,000; `FUZZ_CASES` says otherwise, `FUZZ_SEED` repeats a run.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import CASES, SEED
from tests.fuzz.estate import Estate
from tests.fuzz.messages import METADATA, requests
from tests.fuzz.rpc import Caller

pytestmark = [pytest.mark.system, pytest.mark.timeout(180 + CASES)]


@pytest.fixture
def caller(estate: Estate) -> Iterator[Caller]:
    made = Caller(estate)
    yield made
    made.close()


def test_no_message_breaks_a_service(caller: Caller) -> None:
    # What was made is asked for later on: the system changes under the run, so failures are not shrunk.
    @seed(SEED)
    @settings(
        max_examples=CASES,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def call(data: st.DataObject) -> None:
        method = data.draw(st.sampled_from(caller.methods))
        one = requests(method.input_type, caller.known)
        count = data.draw(st.integers(0, 4)) if method.client_streaming else 1
        sent = [data.draw(one) for _ in range(count)]
        caller.call(method, sent, data.draw(st.sampled_from(METADATA)))

    call()
    found = caller.found
    print(f"{found.codes.total()} cases over gRPC, seed {SEED}: {dict(found.codes)}")
    assert not found.failures, f"FUZZ_SEED={SEED} repeats it:\n\n{found}"
    assert found.codes["OK"] > CASES / 20
    assert len(found.methods) > min(CASES / 10, len(caller.methods) - 1)
