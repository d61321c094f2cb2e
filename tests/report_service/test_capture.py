"""Promise: a run's start, end, steps and inputs are kept as they were, and no secret among them."""

import gzip
import json
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from report_service.capture import LineageCapture, NoCapture
from report_service.deliveries import Capture
from report_service.redaction import REDACTED
from services.clock import Clock
from tests.report_service.builders import NOON


def ticking() -> Clock:
    """Return a clock that is a second later each time it is asked."""
    seconds = count()
    return lambda: NOON + timedelta(seconds=next(seconds))


def lines(capture: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(capture.logs).splitlines()]


def sealed(capture: LineageCapture, inputs: bytes = b"{}") -> Capture:
    made = capture.seal(inputs, "cd" * 32)
    assert made is not None
    return made


def test_start_end_and_steps_are_in_the_log_in_order() -> None:
    with LineageCapture(ticking(), report_id="r1") as capture:
        with capture.step("lead"):
            pass
        with capture.step("render"):
            capture.note("render.page", number=1)
        made = sealed(capture)
    told = lines(made)
    assert [(line["event"], line.get("step")) for line in told] == [
        ("run.started", None),
        ("step.ended", "lead"),
        ("render.page", None),
        ("step.ended", "render"),
        ("run.ended", None),
    ]
    assert told[0]["report_id"] == "r1"
    assert told[0]["time"].endswith("Z")
    assert made.started_at == NOON
    assert made.ended_at > made.started_at


def test_a_step_that_breaks_is_told_with_its_reason() -> None:
    capture = LineageCapture(ticking())
    with pytest.raises(ValueError), capture, capture.step("render"):
        raise ValueError("no ink")
    told = lines(sealed(capture))
    assert [line["event"] for line in told] == ["run.started", "step.failed", "run.failed", "run.ended"]
    assert told[1]["reason"] == "no ink"


def test_digests_and_sizes_are_those_of_the_bytes() -> None:
    inputs = b'{"lead":"x"}' * 1000
    with LineageCapture(ticking()) as capture:
        made = sealed(capture, inputs)
    assert gzip.decompress(made.raw_inputs) == inputs
    assert made.inputs_size_bytes == len(inputs)
    assert sum(part.size_bytes for part in made.parts) == len(made.raw_inputs)
    assert made.logs_size_bytes == len(gzip.decompress(made.logs))
    assert made.payload_size_bytes == len(made.raw_inputs) + len(made.logs)


@pytest.mark.parametrize("name", ["password", "api_key", "apikey", "Authorization", "access_token", "cookie"])
def test_a_field_named_like_a_secret_is_left_out(name: str) -> None:
    with LineageCapture(ticking()) as capture:
        capture.note("request.sent", **{name: "hunter2"})
        made = sealed(capture)
    assert b"hunter2" not in gzip.decompress(made.logs)
    assert lines(made)[1][name] == REDACTED


def test_a_clock_that_steps_back_does_not_end_a_run_before_its_start() -> None:
    times = iter([NOON, NOON, NOON, NOON - timedelta(hours=1)])
    with LineageCapture(lambda: next(times)) as capture:
        made = sealed(capture)
    assert made.ended_at == made.started_at


def test_nothing_is_kept_while_capturing_is_off() -> None:
    with NoCapture(ticking(), report_id="r1") as capture:
        with capture.step("lead"):
            capture.note("anything")
        assert capture.seal(b"{}", "cd" * 32) is None
    assert capture.overhead_seconds == 0
