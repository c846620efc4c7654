"""schema.graphql is what people read: everything in it says what it means, once, and what goes says when."""

import re

import pytest
from graphql import GraphQLSchema, build_schema

from api.graphql import described
from api.graphql.schema import make
from api.graphql.schema_print import print_sorted
from tests.house import descriptions

_DATED = re.compile(r"\bRemoved (?:on|after) [0-9]{4}-[0-9]{2}-[0-9]{2}\b")
_INSTEAD = re.compile(r"`[A-Za-z.]+`")


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return make()._schema


@pytest.fixture(scope="module")
def printed() -> GraphQLSchema:
    return build_schema(print_sorted(make()))


def test_every_type_field_argument_and_value_says_what_it_means(schema: GraphQLSchema) -> None:
    assert descriptions.missing(schema) == [], "Say it in the code, or in api/graphql/descriptions."


def test_whatever_is_written_is_of_something_that_there_is(schema: GraphQLSchema) -> None:
    places = descriptions.places(schema)
    written = {f"{type_}.{name}".rstrip(".") for type_, rows in described.written().items() for name in rows}
    assert sorted(written - places) == []


def test_no_description_is_written_twice(schema: GraphQLSchema) -> None:
    assert sorted(descriptions.twice(schema)) == [], "The code says it already."


def test_no_description_says_no_more_than_the_name(schema: GraphQLSchema) -> None:
    filler = re.compile(r"(?i)^the (id|name|amount|status|state|currency|code|date|kind|type)( of [a-z ]+)?\.?$")
    assert [place for place, said in descriptions.all_said(schema) if filler.match(said)] == []


def test_each_scalar_names_its_specification(printed: GraphQLSchema) -> None:
    own = {
        name: type_
        for name, type_ in printed.type_map.items()
        if name in ("BigInt", "CurrencyCode", "Date", "DateTime")
    }
    assert {name for name, type_ in own.items() if not getattr(type_, "specified_by_url", None)} == set()


def test_an_input_of_which_exactly_one_field_is_given_says_so(printed: GraphQLSchema) -> None:
    assert "input RefundBy @oneOf {" in print_sorted(make())
    assert getattr(printed.type_map["RefundBy"], "is_one_of")  # noqa: B009 - of an input type


def test_what_is_deprecated_says_until_when_it_stays_and_what_to_use(schema: GraphQLSchema) -> None:
    assert [
        place for place, why in descriptions.deprecated(schema) if not (_DATED.search(why) and _INSTEAD.search(why))
    ] == []


def test_a_deprecation_without_a_date_would_be_seen() -> None:
    told = (
        'type Query { a: Int @deprecated(reason: "Use `b`. Removed on 2027-06-30.") b: Int @deprecated(reason: "old") }'
    )
    found = descriptions.deprecated(build_schema(told))
    assert [place for place, why in found if not (_DATED.search(why) and _INSTEAD.search(why))] == ["Query.b"]
