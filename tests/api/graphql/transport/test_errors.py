"""Every problem of the domain has its typed error, with its facts, in every union that may need it."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from api.graphql.schema_print import print_sorted
from api.graphql.transport import errors
from api.graphql.transport.errors import ErrorCode
from api.graphql.transport.problems import errors_of
from domain import problems
from domain.money import Money
from domain.problems import Problem
from tests.api.graphql.transport.shop import shop_schema

NOW = datetime(2026, 3, 31, tzinfo=UTC)
PROBLEMS: list[tuple[Problem, dict[str, Any]]] = [
    (problems.InvalidInput("m"), {}),
    (problems.NotFound("m"), {}),
    (problems.Forbidden("m"), {}),
    (problems.InvalidState("m", current_state="FAILED"), {"current_state": "FAILED"}),
    (problems.RateLimited("m", retry_after=7), {"retry_after": 7}),
    (
        problems.CapExceeded("m", cap="DAY", per="STORE", renews_at=NOW, left=Money(2, "BRL"), count_left=0),
        {"cap": "DAY", "per": "STORE", "renews_at": NOW, "left.minor_units": 2, "count_left": 0, "limit": None},
    ),
    (
        problems.AmountExceedsRefundable("m", requested=Money(2, "BRL"), refundable=Money(1, "BRL")),
        {"requested.minor_units": 2, "refundable.minor_units": 1},
    ),
    (problems.CurrencyMismatch("m", expected="BRL", given="COP"), {"expected": "BRL", "given": "COP"}),
    (problems.NotRefundable("m", earliest_at=NOW), {"earliest_at": NOW, "deadline_at": None}),
    (
        problems.QuotaExceeded("m", counter="REFUNDS", used=2, limit=1, renews_at=NOW),
        {"used": 2, "limit": 1, "renews_at": NOW},
    ),
    (problems.PaymentContradicted("m"), {"earliest_at": None, "deadline_at": None}),
    (problems.WindowExpired("m", deadline_at=NOW), {"earliest_at": None, "deadline_at": NOW}),
    (problems.IdempotencyConflict("m", original_request_id="r"), {"original_request_id": "r"}),
]


@pytest.mark.parametrize(("problem", "facts"), PROBLEMS, ids=[type(problem).__name__ for problem, _ in PROBLEMS])
def test_a_problem_becomes_an_error_with_its_facts(problem: Problem, facts: dict[str, Any]) -> None:
    problem.path = ["input", "field"]
    (error,) = errors_of(problem)
    assert (error.code.value, error.said, error.path) == (problem.code, "m", ["input", "field"])
    for name, value in facts.items():
        found = error
        for part in name.split("."):
            found = getattr(found, part)
        assert found == value


def test_every_kind_of_problem_is_tested_above() -> None:
    def kinds(base: type[Problem]) -> set[type[Problem]]:
        return {kind for child in base.__subclasses__() for kind in (child, *kinds(child))}

    declared = {kind for kind in kinds(Problem) if kind.__module__ == problems.__name__}
    assert declared == {type(problem) for problem, _ in PROBLEMS}


def test_every_code_of_a_problem_is_a_code_of_the_schema_and_the_other_way_round() -> None:
    assert {problem.code for problem, _ in PROBLEMS} == {code.value for code in ErrorCode}


def test_a_refund_can_fail_with_every_kind_of_error_but_that_of_looking_too_often() -> None:
    (union, _) = get_args(errors.RefundCreateError)
    kinds = {type(errors_of(problem)[0]) for problem, _ in PROBLEMS}
    assert kinds - {errors.RateLimitedError} == set(get_args(union))


def test_a_problem_without_a_row_in_the_table_is_raised_again() -> None:
    class Unheard(Problem):
        pass

    with pytest.raises(Unheard):
        errors_of(Unheard("m"))


def test_unions_are_named_and_their_members_implement_error() -> None:
    printed = print_sorted(shop_schema())
    assert "union RefundCreateError = " in printed
    members = printed.split("union RefundCreateError = ")[1].split("\n")[0].split(" | ")
    assert all(f"type {member} implements Error {{" in printed for member in members)


def test_the_printed_schema_is_sorted_and_says_nothing_of_null_defaults() -> None:
    printed = print_sorted(shop_schema())
    assert "= null" not in printed
    names = [line.split()[1] for line in printed.splitlines() if line.startswith(("type ", "enum ", "input "))]
    assert names == sorted(names)
    assert printed.endswith("}\n")
    assert "items(after: String, first: Int!): ItemConnection!" in printed


def test_printing_leaves_the_schema_able_to_run() -> None:
    schema = shop_schema()
    print_sorted(schema)
    assert schema.execute_sync("{ paint(colour: RED) }").data == {"paint": "RED"}
