"""The GraphQL that the documentation shows is GraphQL that the API takes."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from api.graphql.schema import make
from api.graphql.transport.codes import LIMITS
from domain.access.policies import CUSTOMERS_SEE

CHECKOUT = Path(__file__).resolve().parents[2]
SHOWN = [
    (path.name, number, block)
    for path in (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md")))
    for number, block in enumerate(re.findall(r"```graphql\n(.*?)```", path.read_text(), re.DOTALL))
]


@pytest.mark.parametrize(("name", "number", "block"), SHOWN, ids=[f"{name}-{number}" for name, number, _ in SHOWN])
def test_each_document_that_is_shown_is_valid(name: str, number: int, block: str) -> None:
    assert validate(make()._schema, parse(block)) == []


def test_each_limit_is_named_where_limits_are_told() -> None:
    told = (CHECKOUT / "docs" / "limits.md").read_text()
    assert [name for name in sorted(LIMITS) if f"`{name}`" not in told] == []


def test_documents_are_shown() -> None:
    assert len(SHOWN) >= 5


def test_what_a_customers_token_may_name_is_told_as_it_is() -> None:
    told = (CHECKOUT / "docs" / "frontend.md").read_text()
    roots = ("Query", "Mutation", "Subscription")
    (asked,) = re.findall(r"^\| what is asked \|(.*)\|$", told, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", part)) for part in asked.split(";")] == [CUSTOMERS_SEE[root] for root in roots]
    shown = dict(re.findall(r"^\| `(\w+)` \|((?: `\w+`,?)+) \|$", told, re.MULTILINE))
    assert {type_: set(re.findall(r"`(\w+)`", names)) for type_, names in shown.items() if type_ in CUSTOMERS_SEE} == {
        type_: set(names) for type_, names in CUSTOMERS_SEE.items() if names and type_ not in roots
    }
