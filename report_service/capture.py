"""What is remembered while a report is made: when, which steps, from which inputs, in which words.

A ``LineageCapture`` stands around one run of the pipeline. It writes nothing anywhere: what it
collected is sealed into a ``Capture`` and commits together with the report.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import orjson

from report_service import payload
from report_service.deliveries import Capture, Part
from report_service.redaction import REDACTED, is_secret
from services.clock import Clock

RUN_STARTED = "run.started"
RUN_ENDED = "run.ended"
RUN_FAILED = "run.failed"
STEP_ENDED = "step.ended"
STEP_FAILED = "step.failed"


def plain_reason(error: BaseException) -> str:
    """Return what a failure says of itself."""
    return str(error) or type(error).__name__


class LineageCapture:
    """Collects how one run of the pipeline went."""

    def __init__(
        self, clock: Clock, explain: Callable[[BaseException], str] = plain_reason, **facts: Any
    ) -> None:
        """Take the clock that dates the lines, and facts that the first line shall state.

        ``explain`` puts a failure into words that every reader of the log may see.
        """
        self._clock = clock
        self._explain = explain
        self._facts = facts
        self._lines: list[bytes] = []
        self._started_at: datetime | None = None
        self.overhead_seconds = 0.0
        """Time spent on remembering; the pipeline would have run this much faster without."""

    def __enter__(self) -> Self:
        self._started_at = self._clock()
        self.note(RUN_STARTED, **self._facts)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.note(RUN_FAILED, level="error", reason=self._explain(error))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note how long one step takes, and how it ends."""
        began = time.perf_counter()
        try:
            yield
        except BaseException as error:
            reason = self._explain(error)
            self.note(STEP_FAILED, level="error", step=name, seconds=_since(began), reason=reason)
            raise
        self.note(STEP_ENDED, step=name, seconds=_since(began))

    def note(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Add a line to the pipeline's log; the value of a field that is named like a secret is left out."""
        began = time.perf_counter()
        line = {"time": _instant(self._clock()), "level": level, "event": event, **_redacted(fields)}
        self._lines.append(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))
        self.overhead_seconds += time.perf_counter() - began

    def seal(self, inputs: bytes, environment_digest: str) -> Capture | None:
        """End the run and return what is to be kept of it.

        Compresses, and so may take a while for large inputs: call it off the event loop.
        """
        if self._started_at is None:
            raise RuntimeError("the capture was not entered")
        self.note(RUN_ENDED, inputs_size_bytes=len(inputs))
        began = time.perf_counter()
        members = payload.members(inputs)
        log = b"".join(self._lines)
        packed_log = payload.compress(log)
        capture = Capture(
            environment_digest=environment_digest,
            started_at=self._started_at,
            ended_at=max(self._clock(), self._started_at),
            inputs_sha256=payload.sha256(inputs),
            inputs_size_bytes=len(inputs),
            raw_inputs=b"".join(members),
            parts=tuple(Part(len(each), payload.sha256(each)) for each in members),
            logs=packed_log,
            logs_size_bytes=len(log),
            logs_sha256=payload.sha256(packed_log),
        )
        self.overhead_seconds += time.perf_counter() - began
        return capture


class NoCapture(LineageCapture):
    """Stands where a capture would, while capturing is switched off; remembers nothing."""

    def note(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Do nothing."""

    def seal(self, inputs: bytes, environment_digest: str) -> Capture | None:
        """Return None: the report is to be marked as made without lineage."""
        return None


def _redacted(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: REDACTED if is_secret(name) else value for name, value in fields.items()}


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 6)
