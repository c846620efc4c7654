"""How much a document may ask for: each limit, and documents made to hurt, in bounded CPU."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest
from graphql import build_schema as graphql_schema
from graphql import parse

from api.graphql.transport.documents import DocumentCache
from api.graphql.transport.limits import Limits, check
from tests.api.graphql.transport.shop import TOKEN, Context, Desk, shop_schema

DEEP = "{ item " + "{ same " * 10 + "{ name }" + " }" * 11
CALLS_MAX = 200_000  # of Python functions, because seconds depend on the machine: less than 0.1 s of one core


def chained(count: int, begun: str = "{ ...F0 }", *, operations: int = 1) -> str:
    """Fragments of which each spreads the next one."""
    texts = [begun] if operations == 1 else [f"query Q{n} {begun}" for n in range(operations)]
    fragments = "".join(f" fragment F{n} on Query {{ hello ...F{n + 1} }}" for n in range(count - 1))
    return " ".join(texts) + fragments + f" fragment F{count - 1} on Query {{ hello }}"


async def errors_of(query: str, variables: dict[str, Any] | None = None, operation: str | None = None) -> list[str]:
    desk = Desk()
    context = Context(desk.tokens[TOKEN], "", desk)
    result = await shop_schema().execute(query, variables, context, operation_name=operation)
    return [error.message for error in result.errors or ()]


@pytest.mark.parametrize(
    "query",
    [
        "{ item { same { same { same { same { same { same { same { same { name } } } } } } } } } }",
        "{ " + " ".join(f"a{number}: hello" for number in range(30)) + " }",
        "{ hello " + " ".join(["@include(if: true)"]) + " }",
        "{ items(first: 100) { edges { node { similar(first: 10) { edges { cursor } } } } } }",
        "{ items(first: 100) { edges { node { similar(first: 10) { edges { " + "cursor " * 20 + "} } } } } }",
        "{ " + " ".join(f'a{n}: __type(name: "Item") {{ name }}' for n in range(10)) + " }",
        "mutation { sell tidy again: tidy }",
        "query A { hello } mutation B { sell } mutation C { sell }",
        chained(10),
        chained(10, operations=10).replace("query Q0", "query A"),
    ],
)
async def test_an_ordinary_document_passes(query: str) -> None:
    assert await errors_of(query, operation="A" if "query A" in query else None) == []


async def test_the_standard_introspection_query_passes() -> None:
    from graphql import get_introspection_query

    assert await errors_of(get_introspection_query(input_value_deprecation=True, specified_by_url=True)) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (DEEP, "deeper than 10"),
        (DEEP.replace("{ name }", "{ ...F }") + " fragment F on Item { name }", "deeper than 10"),
        (
            "{ ...A } fragment A on Query { item { ...B } } fragment B on Item { " + "same { " * 9 + "name" + " }" * 10,
            "deeper",
        ),
        ("{ " + " ".join(f"a{number}: hello" for number in range(31)) + " }", "31 aliases"),
        ("{ ...A ...A } fragment A on Query { " + " ".join(f"a{n}: hello" for n in range(16)) + " }", "32 aliases"),
        ("{ __schema { " + " ".join(f"a{n}: types {{ name }}" for n in range(31)) + " } }", "31 aliases"),
        ("{ hello " + "@skip(if: false) " * 51 + "}", "50 directives"),
        ("query Q(" + "$a: Int @x " * 51 + ") { hello }", "50 directives"),
        (
            "{ hello } " + " ".join(f"fragment F{n} on Query {{ hello }}" for n in range(51)),
            "50 fragments",
        ),
        (" ".join(f"query Q{n} {{ hello }}" for n in range(11)), "10 operations"),
        (chained(11), "deeper than 10 within fragments"),
        ("{ item { ...F0 } }" + chained(11)[10:].replace("Query", "Item").replace("hello", "name"), "within fragments"),
        ("{ hello(name: [" + "1 " * 301 + "]) }", "300 values"),
        ("{ items(first: 100) { edges { node { similar(first: 100) { edges { cursor } } } } } }", "objects"),
        ("{ items(first: 99999999999999999999) { edges { cursor } } }", "objects"),
        (
            "{ items(first: 100) { edges { node { similar(first: 10) { edges { " + "cursor " * 21 + "} } } } } }",
            "values",
        ),
        ("{ a: __schema { types { name } } b: __schema { types { name } } }", "`__schema`"),
        ("{ ...A ... { ...A } } fragment A on Query { __schema { types { name } } }", "`__schema`"),
        ("{ " + " ".join(f'a{n}: __type(name: "Item") {{ name }}' for n in range(11)) + " }", "`__type`"),
        ("{ __schema { ...A } } fragment A on __Schema { types { name } a: types { name } }", "alias within"),
        ("{ " + "hello " * 1001 + "}", "1001 fields"),
        ("{ ... " * 60 + "{ hello }" + " }" * 60, "deeper than 10"),
        ("mutation { sell b: sell }", "moves money once"),
        (
            'mutation { sell buy(amount: {minorUnits: "1", currency: "BRL"}) { errors { __typename } } }',
            "moves money once",
        ),
        ("mutation { ...A ... { sell } } fragment A on Mutation { a: sell }", "moves money once"),
        ("mutation { ...A ...A } fragment A on Mutation { sell }", "moves money once"),
    ],
)
async def test_a_document_over_a_limit_is_refused_with_the_limit(query: str, said: str) -> None:
    assert said in " ".join(await errors_of(query))


@pytest.mark.parametrize(("query", "errors"), [("{ all { name } }", 0), ("{ all { all { name } } }", 1)])
def test_a_list_without_first_counts_as_a_hundred(query: str, errors: int) -> None:
    schema = graphql_schema("type Query { all: [Item!]! } type Item { name: String, all: [Item!]! }")
    assert len(check(schema, parse(query), Limits()).errors) == errors


async def test_pages_of_a_fragment_count_where_it_is_spread() -> None:
    fragment = " fragment F on ItemConnection { edges { node { similar(first: 40) { edges { cursor } } } } }"
    assert await errors_of("{ items(first: 100) { ...F } }" + fragment) == []
    assert (
        "objects" in (await errors_of("{ a: items(first: 100) { ...F } b: items(first: 50) { ...F } }" + fragment))[0]
    )


QUERY_BY_PAGE = (
    "query($first: Int!, $inner: Int! = 100) { items(first: $first) "
    "{ edges { node { similar(first: $inner) { edges { cursor } } } } } }"
)


@pytest.mark.parametrize(
    ("variables", "passes"),
    [
        ({"first": 10}, True),
        ({"first": 100}, False),
        ({"first": 100, "inner": 10}, True),
        ({"first": 100, "inner": 100}, False),
        ({"first": -1000, "inner": 100}, True),
        ({"first": 100, "inner": None}, False),
    ],
)
async def test_the_cost_is_counted_with_the_variables_of_each_request(variables: dict[str, Any], passes: bool) -> None:
    schema = shop_schema()
    desk = Desk()
    context = Context(desk.tokens[TOKEN], "", desk)
    # Another request of the same text has filled the cache, with a verdict that must not be this one's.
    await schema.execute(QUERY_BY_PAGE, {"first": 1, "inner": 1} if not passes else {"first": 100}, context)
    result = await schema.execute(QUERY_BY_PAGE, variables, context)
    assert any("objects" in error.message for error in result.errors or ()) is not passes


@pytest.mark.parametrize(("first", "refused"), [(10, False), (100, True)])
async def test_the_values_of_an_answer_are_counted_with_the_variables_too(first: int, refused: bool) -> None:
    query = "query($first: Int!) { items(first: $first) { edges { node { similar(first: 10) { ...E } } } } }"
    fragment = " fragment E on ItemConnection { edges { " + "cursor " * 30 + "} }"
    assert ("30000 values" in " ".join(await errors_of(query + fragment, {"first": first}))) is refused


async def test_a_document_with_too_many_tokens_or_characters_is_not_parsed() -> None:
    assert "token" in (await errors_of("{ " + "hello " * 2000 + "}"))[0]
    assert "15000" in (await errors_of("{ hello }" + " " * 15_000))[0]


async def test_no_more_than_ten_mistakes_are_told() -> None:
    told = await errors_of("{ " + " ".join(f"x{number}" for number in range(99)) + " }")
    assert len([message for message in told if "Cannot query field" in message]) == 10
    assert len(told) == 11


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
async def test_a_document_of_more_than_a_thousand_lines_is_not_parsed(end: str) -> None:
    assert await errors_of(end * 999 + "{ hello }") == []
    assert await errors_of(end * 1_000 + "{ x }") == ["The document has more than 1000 lines; nothing was executed."]
    assert shop_schema().execute_sync(end * 1_000 + "{ hello }").data is None


def doubling(count: int, leaf: str) -> str:
    fragments = "".join(f" fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(count - 1))
    return "{ ...F0 }" + fragments + f" fragment F{count - 1} on Query {{ {leaf} }}"


HOSTILE = {
    "fragments that double 50 times": doubling(50, "hello"),
    "fragments with a field that double 50 times": doubling(50, "item { same { name } }"),
    "4000 duplicate fields": "{ " + "hello " * 4000 + "}",
    "900 duplicate fields": "{ " + "hello " * 900 + "}",
    "900 fields with arguments": "{ " + 'hello(name: "a") ' * 300 + "}",
    "2000 directives": "{ hello " + "@skip(if: true) " * 2000 + "}",
    "900 unknown directives": "{ hello " + "@a " * 900 + "}",
    "fragments that spread themselves": "{ ...A } fragment A on Query { ...B ...B } "
    "fragment B on Query { ...A ...A hello }",
    "a chain of fragments": chained(50),
    "a chain of fragments in ten operations": chained(50, operations=10),
    "a chain of fragments, each spread": chained(45, "{ " + " ".join(f"...F{n}" for n in range(45)) + " }"),
    "deep inline fragments": "{ " + "... { " * 190 + "hello" + " }" * 191,
    "deep fields": "{ item { " + "same { " * 180 + "name" + " }" * 182,
    "deep lists": "{ hello(name: " + "[" * 190 + "]" * 190 + ") }",
    "overlapping fragments": "{ "
    + " ".join(f"...F{n}" for n in range(40))
    + " }"
    + "".join(f" fragment F{n} on Query {{ item {{ name same {{ name }} price {{ display }} }} }}" for n in range(40)),
    "unknown fields": "{ " + " ".join(f"helo{n}" for n in range(900)) + " }",
    "equal keys of an input object": "mutation { buy(amount: {" + 'currency: "BRL" ' * 640 + "}) { __typename } }",
    "equal keys within the limit": "mutation { buy(amount: {" + 'currency: "BRL" ' * 290 + "}) { __typename } }",
    "fifty operations": " ".join(f"query Q{n} {{ hello item {{ same {{ name }} }} }}" for n in range(50)),
    "ten operations": " ".join(f"query Q{n} {{ " + "item { name } " * 35 + "}" for n in range(10)),
    "values in a list": "{ hello(name: [" + '"a" ' * 1_900 + "]) }",
    "many operations": " ".join(f"query Q{n} {{ hello }}" for n in range(300)),
    "deep introspection": "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
}


HARMLESS = {"ten operations", "overlapping fragments", "deep inline fragments"}


@dataclass
class Calls:
    number: int = 0


@contextmanager
def counted_calls() -> Iterator[Calls]:
    """Count the calls of Python functions in the block."""
    calls = Calls()

    def count(frame: FrameType, event: str, argument: object) -> None:
        calls.number += event == "call"

    previous = sys.getprofile()
    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(previous)


@pytest.mark.parametrize("query", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_document_is_answered_with_bounded_work(query: str) -> None:
    documents = DocumentCache(Limits())
    schema = shop_schema(documents)
    with counted_calls() as calls:
        await schema.execute(query)
    assert calls.number < CALLS_MAX


@pytest.mark.parametrize("begun", ["{ ...F0 }", "{ " + " ".join(f"...F{n}" for n in range(40)) + " }"])
@pytest.mark.parametrize("operations", [1, 10])
async def test_a_chain_of_fragments_costs_what_its_characters_cost(begun: str, operations: int) -> None:
    query = chained(40, begun, operations=operations)
    schema = shop_schema()
    with counted_calls() as calls:
        await schema.execute(query, operation_name="Q0" if operations > 1 else None)
    assert calls.number < 15 * len(query)


MANY: dict[str, tuple[str, dict[str, Any]]] = {
    "invalid values of an enum": ("query($c: [Colour!]!) { paintAll(colours: $c) }", {"c": ["GREEN"] * 60_000}),
    "values of an enum": ("query($c: [Colour!]!) { paintAll(colours: $c) }", {"c": ["RED"] * 60_000}),
    "objects": (
        "mutation($a: MoneyInput!) { buy(amount: $a) { __typename } }",
        {"a": {f"k{n}": n for n in range(9_999)}},
    ),
    "empty lists": ("query($c: [Colour!]!) { paintAll(colours: $c) }", {"c": [[]] * 1_000}),
    "empty objects": ("query($c: [Colour!]!) { paintAll(colours: $c) }", {"c": [[{}] * 25] * 40}),
    "nested lists": ("query($c: [Colour!]!) { paintAll(colours: $c) }", {"c": [[["RED"] * 40] * 40] * 40}),
}


@pytest.mark.parametrize("name", MANY)
async def test_many_values_of_variables_are_refused_with_bounded_work(name: str) -> None:
    query, variables = MANY[name]
    schema = shop_schema()
    with counted_calls() as calls:
        result = await schema.execute(query, variables)
    assert [str(error.extensions["code"]) for error in result.errors or () if error.extensions] == ["INVALID_INPUT"]
    assert calls.number < CALLS_MAX / 10


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in HARMLESS])
async def test_a_hostile_document_is_refused(name: str) -> None:
    assert await errors_of(HOSTILE[name])


class TestTheDocumentCache:
    async def test_reads_a_text_once(self) -> None:
        documents = DocumentCache(Limits())
        schema = shop_schema(documents)
        for _ in range(20):
            await schema.execute("{ hello }")
            await schema.execute("{ notAField }")
        assert documents.read_count == 2

    async def test_gives_the_same_errors_again(self) -> None:
        schema = shop_schema()
        first, second = [(await schema.execute("{ notAField }")).errors for _ in range(2)]
        assert [str(error) for error in first or ()] == [str(error) for error in second or ()] != []

    async def test_forgets_what_was_not_used_for_long(self) -> None:
        documents = DocumentCache(Limits())
        schema = shop_schema(documents)
        for number in range(300):
            await schema.execute(f"{{ a{number}: hello }}")
        assert len(documents._kept) == 128

    async def test_keeps_a_text_that_cannot_be_parsed_unless_it_is_too_long(self) -> None:
        documents = DocumentCache(Limits())
        schema = shop_schema(documents)
        for text in ("{", "{", "{" * 15_001):
            assert (await schema.execute(text)).errors
        assert len(documents._kept) == 1


def test_a_hostile_document_is_hostile_because_it_parses() -> None:
    parse(HOSTILE["fragments that double 50 times"])


async def test_introspection_can_be_switched_off() -> None:
    schema = shop_schema(DocumentCache(Limits(), introspection=False))
    result = await schema.execute("{ __schema { types { name } } }")
    assert result.data is None
    assert "introspection" in str(result.errors).lower()
    assert (await schema.execute("{ __typename }")).data == {"__typename": "Query"}
