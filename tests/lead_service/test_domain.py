"""Promise: enrichment moves only along its legal transitions, and a fact is never half an answer."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_service.domain import Draft
from lead_service.facts import (
    MAX_VALUE_LENGTH,
    MAX_VALUES,
    Enrichment,
    EnrichmentStatus,
    EnrichmentTask,
    FactState,
    Observation,
    clean_text,
)
from services.errors import FailedPrecondition, InvalidArgument
from services.ids import uuid7

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SEEN = Observation("dns", "A example.com", "DNS", NOW, b"answer")

MOVES = {
    "requested": lambda state: state.requested("2", "ada"),
    "begun": lambda state: state.begun(),
    "completed": lambda state: state.completed(NOW),
    "failed": lambda state: state.failed(NOW, "broken"),
}
LEGAL = {
    (EnrichmentStatus.PENDING, "begun"),
    (EnrichmentStatus.PENDING, "failed"),
    (EnrichmentStatus.IN_PROGRESS, "begun"),
    (EnrichmentStatus.IN_PROGRESS, "completed"),
    (EnrichmentStatus.IN_PROGRESS, "failed"),
    (EnrichmentStatus.COMPLETED, "requested"),
    (EnrichmentStatus.FAILED, "requested"),
}


@given(st.lists(st.sampled_from(sorted(MOVES))))
def test_enrichment_takes_legal_steps_only_and_counts_its_beginnings(moves: list[str]) -> None:
    state, begun = Enrichment(task_id="1"), 0
    for move in moves:
        if (state.status, move) not in LEGAL:
            with pytest.raises(FailedPrecondition):
                MOVES[move](state)
            continue
        state = MOVES[move](state)
        begun = 0 if move == "requested" else begun + (move == "begun")
        assert state.attempts == begun
        assert (state.error != "") == (state.status is EnrichmentStatus.FAILED)
        assert state.ended == (state.status in (EnrichmentStatus.COMPLETED, EnrichmentStatus.FAILED))


@given(st.text())
def test_a_failure_always_has_a_reason(reason: str) -> None:
    assert Enrichment().begun().failed(NOW, reason).error


def test_a_fact_without_values_must_say_why() -> None:
    fact = SEEN.found("a", ["192.0.2.1"])
    with pytest.raises(ValueError, match="either values or a reason"):
        replace(fact, values=())
    with pytest.raises(ValueError, match="either values or a reason"):
        replace(fact, reason="why not")
    with pytest.raises(ValueError, match="either values or a reason"):
        replace(fact, state=FactState.ERROR)


def test_a_fact_carries_the_digest_of_what_it_was_read_from() -> None:
    fact = SEEN.found("a", ["192.0.2.1"])
    assert (fact.provider, fact.name, fact.state, fact.values) == (
        "dns",
        "a",
        FactState.FOUND,
        ("192.0.2.1",),
    )
    assert (fact.source, fact.method, fact.observed_at) == ("A example.com", "DNS", NOW)
    assert fact.evidence_sha256 == hashlib.sha256(b"answer").hexdigest()
    assert replace(SEEN, evidence=b"").found("a", ["192.0.2.1"]).evidence_sha256 == ""


def test_an_empty_answer_is_not_found_instead_of_invented() -> None:
    fact = SEEN.found("txt", ["", " \x00 "])
    assert (fact.state, fact.values, fact.reason) == (FactState.NOT_FOUND, (), "the source's answer is empty")


def test_a_stranger_cannot_fill_a_fact_without_bound() -> None:
    fact = SEEN.found("txt", ["x" * 10**6] * 1000)
    assert len(fact.values) == MAX_VALUES
    assert {len(value) for value in fact.values} == {MAX_VALUE_LENGTH}


@given(st.text(st.characters(), max_size=200))
def test_cleaned_text_is_one_printable_storable_line(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned.isprintable()
    assert cleaned == cleaned.strip()
    cleaned.encode("utf-8")
    assert clean_text(cleaned) == cleaned


def test_a_stranger_s_lone_surrogate_and_bidi_override_are_taken_out() -> None:
    assert clean_text("a\ud800b\u202ec\x1b[31md\r\ne") == "a?b c [31md e"


def test_a_draft_becomes_a_pending_lead_with_normalised_names() -> None:
    lead = Draft(" Ada@Example.com ", "", " Ada ").lead("ada", NOW)
    assert (lead.email, lead.domain, lead.name) == ("Ada@example.com", "example.com", "Ada")
    assert lead.enrichment == Enrichment(EnrichmentStatus.PENDING)
    assert lead.created_at == lead.updated_at == NOW
    assert lead.id.version == 7


def test_the_address_s_own_domain_is_audited_where_none_is_given() -> None:
    own, other = (
        Draft("ada@Bücher.example", " ").lead("ada", NOW),
        Draft("a@gmail.com", "X.org").lead("a", NOW),
    )
    assert (own.email, own.domain) == ("ada@bücher.example", "xn--bcher-kva.example")
    assert (other.email, other.domain) == ("a@gmail.com", "x.org")


def test_every_wrong_field_of_a_draft_is_named() -> None:
    with pytest.raises(InvalidArgument) as refused:
        Draft("nobody", "localhost", "x" * 201).lead("ada", NOW)
    assert [each.field for each in refused.value.violations] == ["email", "domain", "name"]
    with pytest.raises(InvalidArgument) as refused:
        Draft("nobody").lead("ada", NOW)
    assert [each.field for each in refused.value.violations] == ["email"]


@given(st.text())
def test_a_task_survives_its_way_through_the_queue(asked_by: str) -> None:
    task = EnrichmentTask(uuid7(), asked_by)
    assert EnrichmentTask.from_bytes(task.to_bytes()) == task
