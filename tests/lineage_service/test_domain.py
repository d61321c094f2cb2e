"""Promise: what is said of a lineage follows from its facts, and false statements are refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lineage_service.domain import LOG_PIECE_BYTES, MAX_PART_BYTES, Content, Limits, Lineage, Part
from services.errors import InvalidArgument, OutOfRange
from tests.lineage_service.builders import NOON, Sent, a_report, digest


def lineage(sent: Sent, log_gzip_size: int = 1) -> Lineage:
    return Lineage(sent.facts, log_gzip_size, digest(b"".join(sent.parts)), NOON)


def test_statements_differ_in_the_facts_they_differ_in() -> None:
    facts = a_report().facts
    other = replace(facts, pdf_sha256=digest(b"x"), parts=(Part(1, digest(b"y")),))
    assert facts.differing(other) == ["pdf_sha256", "parts"]
    assert facts.differing(replace(facts)) == []


def test_a_quarter_of_the_size_is_three_quarters_saved() -> None:
    sent = a_report().but(inputs_size=4000, parts=(Part(600, b""), Part(400, b"")))
    assert lineage(sent).compression_saved == 0.75


def test_compression_that_cost_is_negative() -> None:
    assert lineage(a_report(b"x")).compression_saved < 0


def test_the_pipeline_took_from_its_start_to_its_end() -> None:
    assert lineage(a_report()).duration == 2.5


@pytest.mark.parametrize(
    ("size", "pieces"),
    [
        (1, (1,)),
        (LOG_PIECE_BYTES, (LOG_PIECE_BYTES,)),
        (2 * LOG_PIECE_BYTES + 3, (LOG_PIECE_BYTES, LOG_PIECE_BYTES, 3)),
    ],
)
def test_a_log_is_kept_in_full_pieces_and_a_rest(size: int, pieces: tuple[int, ...]) -> None:
    assert lineage(a_report(), size).piece_sizes(Content.LOG) == pieces


def test_a_single_part_and_the_whole_are_the_same_bytes_and_have_the_same_digest() -> None:
    one = lineage(a_report(b"one"))
    assert one.inputs_digest(0) == one.inputs_digest(1) == one.facts.parts[0].sha256


def test_the_digest_of_many_parts_is_that_of_none() -> None:
    two = lineage(a_report(b"one", b"two"))
    assert len({two.inputs_digest(part) for part in range(3)}) == 3


def test_a_part_that_there_is_not_is_out_of_range() -> None:
    for part in (-1, 0, 3):
        with pytest.raises(OutOfRange, match="2 parts"):
            lineage(a_report(b"one", b"two")).part(part)


def test_a_download_is_named_after_its_report() -> None:
    two = lineage(a_report(b"one", b"two"))
    report = two.facts.report_id
    assert two.inputs_filename(0) == f"{report}-inputs.json.gz"
    assert two.inputs_filename(2) == f"{report}-inputs.part2of2.json.gz"


def test_every_false_statement_is_named_at_once() -> None:
    sent = a_report().but(
        pipeline_run_id="a\0b",
        ended_at=NOON - timedelta(days=1),
        parts=(Part(1, b""), Part(MAX_PART_BYTES + 1, b"")),
    )
    with pytest.raises(InvalidArgument) as refused:
        sent.facts.check(Limits())
    assert [each.field for each in refused.value.violations] == [
        "header.pipeline_run_id",
        "header.pipeline_end_time",
        "header.parts[1].size_bytes",
    ]
