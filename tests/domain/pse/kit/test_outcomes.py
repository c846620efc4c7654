"""What several PSEs' answers mean alike."""

import pytest

from domain.pse.kit import outcomes
from domain.pse.kit.unreadable import Unreadable
from domain.pse.vocabulary import Accepted, InDoubt, Outcome, Unsent

NONE, SEVERAL = Unsent("NOT_LISTED", "None."), InDoubt("TWO", "Several.", needs_person=True)


@pytest.mark.parametrize(
    ("found", "meaning"), [([], NONE), (["a"], Accepted("a", "pending")), (["a", "b"], SEVERAL), (["a", "a"], SEVERAL)]
)
def test_only_one_refund_that_was_found_has_an_outcome(found: list[str], meaning: Outcome) -> None:
    assert outcomes.the_one(found, lambda one: Accepted(one, "pending"), none=NONE, several=SEVERAL) == meaning


def test_what_cannot_be_read_is_in_doubt_and_says_why() -> None:
    @outcomes.in_doubt_unless_readable("The PSE answered with something else")
    def outcome_of(answer: object) -> Outcome:
        """The answer's."""
        if answer is None:
            raise Unreadable("id is missing")
        return Accepted(str(answer), "pending")

    assert outcome_of("a") == Accepted("a", "pending")
    assert outcome_of(None) == InDoubt("UNREADABLE", "The PSE answered with something else: id is missing.")
    assert outcome_of.__doc__ == "The answer's."


def test_a_status_that_is_not_published_is_named_shortly() -> None:
    accepted = Accepted("a", "pending")
    assert outcomes.published(accepted, "The PSE", "pending") is accepted
    unknown = outcomes.published(None, "The PSE", "x" * 1000)
    assert isinstance(unknown, InDoubt)
    assert (unknown.code, unknown.needs_person, len(unknown.message) < 120) == ("UNREADABLE", False, True)
