"""Which errors a client may read, and what it reads instead of the others."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from api.graphql.transport.masking import UNEXPECTED
from tests.api.graphql.transport.conftest import Server
from tests.api.graphql.transport.shop import SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def error_of(shop: Server, query: str, **body: Any) -> dict[str, Any]:
    response = await shop.post({"query": query, **body})
    (error,) = response.json()["errors"]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize("query", ["{ broken }", "{ requiredButBroken }"])
async def test_an_unexpected_error_is_masked_and_names_the_request_id(shop: Server, query: str) -> None:
    response = await shop.post({"query": query})
    (error,) = response.json()["errors"]
    assert SECRET not in response.text
    assert error["message"] == UNEXPECTED
    assert error["extensions"] == {"code": "INTERNAL_ERROR", "requestId": response.headers["x-request-id"]}
    assert error["path"] == [query.strip("{ }")]


async def test_an_unexpected_error_is_logged_once_with_its_cause_and_request_id(shop: Server) -> None:
    from structlog.contextvars import merge_contextvars

    with capture_logs(processors=[merge_contextvars]) as logs:
        response = await shop.post({"query": "{ broken }"})
    (entry,) = logs
    asked = response.headers["x-request-id"]
    assert (entry["event"], entry["log_level"], entry["request_id"]) == ("graphql.failed", "error", asked)
    assert SECRET in str(entry["exc_info"])


async def test_a_clients_mistake_is_not_logged(shop: Server) -> None:
    with capture_logs() as logs:
        for query in ("{", "{ notAField }", "{ spoken }", "{ forbidden }"):
            await error_of(shop, query)
    assert logs == []


async def test_an_error_that_was_written_for_clients_keeps_its_words_and_code(shop: Server) -> None:
    error = await error_of(shop, "{ spoken }")
    assert (error["message"], error["extensions"]) == ("Said on purpose.", {"code": "SPOKEN"})


async def test_a_problem_of_the_domain_keeps_its_words_and_code(shop: Server) -> None:
    error = await error_of(shop, "{ forbidden }")
    assert (error["message"], error["extensions"]) == ("Ask an administrator.", {"code": "FORBIDDEN"})


@pytest.mark.parametrize(
    ("query", "body", "hidden"),
    [
        ("{ helo }", {}, "hello"),
        ("{ hello(nam: 1) }", {}, '"name"'),
        ("{ ... on Itm { name } }", {}, '"Item"'),
        ("{ paint(colour: REDD) }", {}, '"RED"'),
        ("query($c: Colour!) { paint(colour: $c) }", {"variables": {"c": "REDD"}}, '"RED"'),
        ("query($m: Mony) { hello }", {}, "MoneyInput"),
        (
            "mutation($m: MoneyInput!) { buy(amount: $m) { errors { __typename } } }",
            {"variables": {"m": {"minorUnits": "1", "currency": "BRL", "currencyy": "BRL"}}},
            "'currency'?",
        ),
    ],
)
async def test_no_error_suggests_what_the_schema_holds(
    shop: Server, query: str, body: dict[str, Any], hidden: str
) -> None:
    response = await shop.post({"query": query, **body})
    messages = " ".join(error["message"] for error in response.json()["errors"])
    assert "Did you mean" not in messages
    assert hidden not in messages.replace(query, "")


async def test_a_refused_value_is_not_quoted_at_any_length(shop: Server) -> None:
    body = {"variables": {"amount": {"minorUnits": "x" * 100_000, "currency": "BRL"}}}
    error = await error_of(shop, "mutation($amount: MoneyInput!) { buy(amount: $amount) { __typename } }", **body)
    assert len(error["message"]) <= 1_000
