"""`leadfactory leads update | delete | undelete`: what is asked for is what was chosen, and no more."""

import pytest

from protos.leadfactory.lead.v1.lead_pb2 import Lead
from services.errors import Aborted, InvalidArgument, NotFound
from tests.client.conftest import Stage
from tests.client.test_leads import ID, lead


def test_only_what_was_chosen_is_changed(stage: Stage):
    changed = lead(name="Example", etag="7")
    ran, (call,) = stage.answer(
        "leads", "update", ID, "--name", "Example", "--not-manual", "--etag", "6",
        LeadService_UpdateLead=changed,
    )  # fmt: skip
    assert (call.request.id, call.request.etag) == (ID, "6")
    assert list(call.request.update_mask.paths) == ["name", "is_manual"]
    assert call.request.lead == Lead(name="Example", is_manual=False)
    assert call.request.request_id
    assert ran.status == 0
    assert ["etag", "7"] in [line.split() for line in ran.out.splitlines()]


def test_a_name_is_taken_away_by_an_empty_one(stage: Stage):
    ran, (call,) = stage.answer("leads", "update", ID, "--name", "", "--json", LeadService_UpdateLead=lead())
    assert list(call.request.update_mask.paths) == ["name"]
    assert (ran.document["id"], ran.document["name"]) == (ID, "")


@pytest.mark.parametrize("arguments", [[], ["--etag", "6"]])
def test_to_change_nothing_is_wrong_usage(stage: Stage, arguments: list[str]):
    ran = stage.run("leads", "update", ID, *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: Say what to change")


def test_a_wrong_domain_is_refused_in_one_line_that_names_the_field(stage: Stage):
    ran, _ = stage.answer(
        "leads", "update", ID, "--domain", "nonsense",
        LeadService_UpdateLead=InvalidArgument("domain", "A domain has a dot."),
    )  # fmt: skip
    assert (ran.status, ran.out, ran.err) == (1, "", "error: domain: A domain has a dot.\n")


def test_what_somebody_else_has_changed_meanwhile_stays(stage: Stage):
    error = Aborted("The lead has changed since.", reason="ETAG_MISMATCH")
    ran, _ = stage.answer("leads", "update", ID, "--name", "x", "--etag", "6", LeadService_UpdateLead=error)
    assert (ran.status, ran.err) == (1, "error: The lead has changed since.\n")


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize(("command", "method"), [("delete", "DeleteLead"), ("undelete", "UndeleteLead")])
def test_a_lead_goes_and_comes_back(stage: Stage, command: str, method: str, form: list[str]):
    ran, (call,) = stage.answer(
        "leads", command, ID, "--etag", "6", *form, **{f"LeadService_{method}": lead(etag="7")}
    )
    assert (call.request.id, call.request.etag, ran.status) == (ID, "6", 0)
    assert (ran.document["etag"] if form else ran.out.split()[-1]) == "7"


@pytest.mark.parametrize(("command", "method"), [("delete", "DeleteLead"), ("undelete", "UndeleteLead")])
def test_a_lead_that_there_is_not_is_said_to_be_none(stage: Stage, command: str, method: str):
    ran, _ = stage.answer("leads", command, ID, "--json", **{f"LeadService_{method}": NotFound("lead", ID)})
    assert (ran.status, ran.out, ran.err) == (1, "", f"error: There is no lead '{ID}'.\n")
