"""The GraphQL that the documentation shows is GraphQL that the API takes."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from api.graphql.schema import make
from api.graphql.shops.types import fields_of
from api.graphql.transport import codes
from api.graphql.transport.bounds import DEADLINE_EXCEEDED
from api.graphql.transport.codes import LIMITS
from api.graphql.transport.live_results import TOO_SLOW
from api.http import code_of
from domain.access.policies import CUSTOMERS_SEE
from domain.commerce.vocabulary import ShopKind

CHECKOUT = Path(__file__).resolve().parents[2]
STATUSES = (400, 401, 405, 406, 408, 413, 415, 429, 431, 500, 503)
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


def test_each_code_that_a_request_can_end_with_is_told_with_what_to_do() -> None:
    told = (CHECKOUT / "docs" / "frontend.md").read_text()
    ours = {one for one in vars(codes).values() if isinstance(one, str) and one.isupper()}
    wanted = ours | {code_of(status) for status in STATUSES} | {DEADLINE_EXCEEDED, TOO_SLOW}
    assert len(wanted) > 15
    assert [code for code in sorted(wanted) if f"`{code}`" not in told] == []


def test_each_field_of_each_kind_of_shop_is_told_as_needed_or_not() -> None:
    told = (CHECKOUT / "docs" / "shops.md").read_text()
    shown = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*\|.*) \|$", told, re.MULTILINE))
    for kind in ShopKind:
        needed, optional = shown[kind].split(" | ")
        for field in fields_of(kind):
            assert f"`{field.name}`" in (optional if field.optional else needed), (kind, field.name)


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
