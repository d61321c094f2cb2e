"""Promise: no request makes the gateway answer with 5xx, or with anything that /openapi.json does not say.

Schemathesis sends what the document allows and what it forbids: its examples, every boundary of every schema,
random data, and calls that follow one another. `make test` sends a few hundred cases, `make fuzz` 10,000;
`FUZZ_CASES` says otherwise, and `FUZZ_SEED` repeats a run.
"""

import warnings

import httpx
import pytest

from tests.fuzz import CASES, SEED
from tests.fuzz.estate import Estate
from tests.fuzz.rest import fuzz

pytestmark = [pytest.mark.system, pytest.mark.timeout(180 + CASES)]


def test_every_answer_is_one_that_the_document_promises(estate: Estate) -> None:
    document = httpx.get(f"{estate.url}/openapi.json", trust_env=False).json()
    with warnings.catch_warnings():
        # What the tool warns of is its own affair; a request that it cannot make is among the findings.
        warnings.simplefilter("ignore")
        found = fuzz(estate, document, CASES, SEED)
    answers = dict(found.statuses.most_common())
    print(f"{found.cases.total()} cases over HTTP, seed {SEED}: {dict(found.cases)}, answers {answers}")
    assert not found.failures, f"FUZZ_SEED={SEED} repeats it:\n\n{found}"
    assert found.cases.total() >= CASES * 0.9
    assert found.cases.keys() == {"examples", "coverage", "fuzzing", "stateful"}
