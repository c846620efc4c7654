"""What PSEs' words mean, and the outcomes that are made of them."""

import pytest

from domain.pse import registry
from domain.pse.capabilities import load
from domain.pse.kit.outcomes import Statuses, listed
from domain.pse.kit.unreadable import Unreadable
from domain.pse.kit.words import words_of
from domain.pse.vocabulary import Accepted, Declined, InDoubt, Outcome, Returned, Succeeded

STATUSES = Statuses(waiting=("open",), done=("paid",), failed=("void",))
TYPES = {
    "CAPTURE",
    "REFUND",
    "CHARGEBACK",
    "CHARGEBACK_REVERSED",
    "FEE",
    "PAYOUT",
    "RESERVE",
    "ADJUSTMENT",
    "CORRECTION",
    "TRANSFER",
    "OTHER",
}
STATES = {"SUCCEEDED", "PENDING", "FAILED", "RETURNED"}


@pytest.mark.parametrize(
    ("status", "succeeded", "means"),
    [
        ("open", False, Accepted("r", "open")),
        ("paid", False, Succeeded("r", None, "paid")),
        ("void", False, Declined("void", "why", "r")),
        ("void", True, Returned("void", "why", "r")),
        ("new", False, None),
        (None, False, None),
        (["paid"], False, None),
    ],
)
def test_a_status_means_what_the_table_says_and_another_nothing(
    status: object, succeeded: bool, means: Outcome | None
) -> None:
    assert STATUSES.outcome(status, "r", "why", succeeded=succeeded) == means


def test_in_a_list_a_refund_that_came_back_is_one_that_was_not_paid() -> None:
    assert listed(Returned("c", "why", "r"), "") == Declined("c", "why", "r")
    with pytest.raises(Unreadable, match="status"):
        listed(InDoubt("c", "why"), "the status is new")


@pytest.mark.parametrize("pse", registry.connectors())
def test_every_table_of_words_can_be_read_and_makes_lines_that_reports_have(pse: str) -> None:
    words = words_of(pse)
    assert words.hidden
    assert {kind.type for kind in words.kinds.values()} <= TYPES
    assert {kind.state for kind in words.kinds.values()} <= STATES
    assert {kind.sign for kind in words.kinds.values()} <= {-1, 0, 1}


@pytest.mark.parametrize("pse", registry.connectors())
def test_each_destination_that_a_pse_can_pay_has_its_fields_and_no_other_has(pse: str) -> None:
    payable = {kind for able in load(pse).values() for kind in able.destinations}
    assert words_of(pse).destinations.keys() == payable
