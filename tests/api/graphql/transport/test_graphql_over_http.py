"""The points of the GraphQL-over-HTTP audit, and what our clients send, against a real server."""

import json
import sys
from typing import Any

import httpx
import pytest

from tests.api.graphql.transport.conftest import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRICT = "application/graphql-response+json"
PLAIN = "application/json"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
APOLLO = "application/graphql-response+json,application/json;q=0.9"

DECODE = json.JSONDecoder.decode.__code__
HELLO = {"query": "{ hello }"}
INVALID = {"query": "{ notAField }"}
UNPARSABLE = {"query": "{"}
NOT_COERCIBLE = {"query": "query($name: String!) { hello(name: $name) }", "variables": {"name": 1}}


def media_type(response: httpx.Response) -> str:
    return response.headers["content-type"].split(";")[0]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (STRICT, STRICT),
        (PLAIN, PLAIN),
        ("*/*", PLAIN),
        ("application/*", PLAIN),
        (None, PLAIN),
        (f"{PLAIN}, {STRICT}", PLAIN),
        (f"{PLAIN};q=0.5, {STRICT}", STRICT),
        (f"{STRICT}; charset=utf-8, {PLAIN}", STRICT),
        (f"*/*, {STRICT};q=0", PLAIN),
        (APOLLO, STRICT),
        (URQL, STRICT),
        (f"{PLAIN}, multipart/mixed", PLAIN),
        (f"multipart/mixed;deferSpec=20220824, {PLAIN}", PLAIN),
    ],
)
async def test_the_answer_has_the_media_type_that_the_client_likes_best(
    shop: Server, accept: str | None, answered: str
) -> None:
    response = await shop.post(HELLO, accept=accept)
    assert (response.status_code, media_type(response)) == (200, answered)
    assert response.json()["data"] == {"hello": "hello world"}


async def test_a_strict_answer_names_its_encoding(shop: Server) -> None:
    response = await shop.post(HELLO, accept=STRICT)
    assert response.headers["content-type"] == f"{STRICT}; charset=utf-8"


async def test_a_client_that_accepts_nothing_we_have_is_told_what_there_is(shop: Server) -> None:
    response = await shop.post(HELLO, accept="text/html, application/json;q=0")
    assert response.status_code == 406
    assert STRICT in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", '; charset="UTF-8"'])
async def test_a_post_is_json_in_utf_8(shop: Server, charset: str) -> None:
    body = json.dumps({"query": '{ hello(name: "José") }'}, ensure_ascii=False).encode()
    response = await shop.post(body, **{"content-type": PLAIN + charset})
    assert response.json()["data"] == {"hello": "hello José"}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_a_post_of_another_media_type_is_refused(shop: Server, content_type: str) -> None:
    response = await shop.post(HELLO, **{"content-type": content_type})
    assert response.status_code == 415
    assert PLAIN in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("body", [INVALID, UNPARSABLE, NOT_COERCIBLE], ids=["validation", "syntax", "coercion"])
class TestAFailureBeforeExecution:
    async def test_is_400_without_data_for_a_strict_client(self, shop: Server, body: Any) -> None:
        response = await shop.post(body, accept=STRICT)
        assert (response.status_code, media_type(response)) == (400, STRICT)
        assert "data" not in response.json()
        assert response.json()["errors"]

    async def test_is_200_without_data_for_a_plain_client(self, shop: Server, body: Any) -> None:
        response = await shop.post(body, accept=PLAIN)
        assert (response.status_code, media_type(response)) == (200, PLAIN)
        assert "data" not in response.json()
        assert response.json()["errors"]

    async def test_is_the_same_by_get(self, shop: Server, body: Any) -> None:
        parameters = {"query": body["query"], "variables": json.dumps(body.get("variables", {}))}
        response = await shop.client.get("/graphql", params=parameters, headers={"accept": STRICT})
        assert (response.status_code, media_type(response)) == (400, STRICT)


@pytest.mark.parametrize("accept", [STRICT, PLAIN])
async def test_an_error_during_execution_keeps_200_and_the_partial_data(shop: Server, accept: str) -> None:
    response = await shop.post({"query": "{ hello spoken }"}, accept=accept)
    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "hello world", "spoken": None}
    assert response.json()["errors"][0]["path"] == ["spoken"]


async def test_data_that_became_null_during_execution_is_still_an_answer(shop: Server) -> None:
    response = await shop.post({"query": "{ requiredButBroken }"}, accept=STRICT)
    assert (response.status_code, response.json()["data"]) == (200, None)


@pytest.mark.parametrize("accept", [STRICT, PLAIN])
@pytest.mark.parametrize(
    "body",
    [
        "{",
        "",
        "[]",
        "[{}]",
        '[{"query":"{hello}"},{"query":"{hello}"}]',
        '"text"',
        "1",
        "null",
        "true",
        "[" * 100_000,
        '{"query": ' + "9" * 5_000 + "}",
        b"\xff\xfe",
        "{}",
        '{"query": null}',
        '{"query": ""}',
        '{"notquery": "{ hello }"}',
        *(f'{{"query": {wrong}}}' for wrong in ("{}", "0", "false", '["{ hello }"]')),
        *(f'{{"query": "{{ hello }}", "operationName": {wrong}}}' for wrong in ("{}", "0", "false", "[]")),
        *(json.dumps({**HELLO, "variables": wrong}) for wrong in ("text", 0, False, ["a"])),
        *(json.dumps({**HELLO, "extensions": wrong}) for wrong in ("text", 0, False, ["a"])),
        json.dumps({**HELLO, "operationName": "Unknown"}),
        json.dumps({"query": "fragment F on Query { hello }"}),
    ],
)
async def test_an_ill_formed_request_is_400_with_a_sentence(shop: Server, body: str | bytes, accept: str) -> None:
    response = await shop.post(body, accept=accept)
    assert (response.status_code, media_type(response)) == (400, accept)
    assert "data" not in response.json()
    (error,) = response.json()["errors"]
    assert error["message"]


@pytest.mark.parametrize("parameter", ["operationName", "variables", "extensions"])
async def test_an_optional_parameter_may_be_null(shop: Server, parameter: str) -> None:
    response = await shop.post({**HELLO, parameter: None})
    assert response.json()["data"] == {"hello": "hello world"}


async def test_variables_and_operation_name_choose_what_is_executed(shop: Server) -> None:
    query = "query A { hello } query B($name: String!) { hello(name: $name) }"
    response = await shop.post(
        {"query": query, "operationName": "B", "variables": {"name": "b"}, "extensions": {"x": 1}}
    )
    assert response.json()["data"] == {"hello": "hello b"}


async def test_a_query_may_be_sent_by_get(shop: Server) -> None:
    parameters = {
        "query": "query A { who } query B($name: String!) { hello(name: $name) }",
        "operationName": "B",
        "variables": '{"name": "get"}',
        "extensions": "{}",
    }
    response = await shop.client.get("/graphql", params=parameters, headers={"accept": URQL})
    assert (response.status_code, response.json()["data"]) == (200, {"hello": "hello get"})


async def test_empty_parameters_of_a_get_count_as_left_out(shop: Server) -> None:
    parameters = {"query": "{ hello }", "operationName": "", "variables": "", "extensions": ""}
    response = await shop.client.get("/graphql", params=parameters)
    assert response.json()["data"] == {"hello": "hello world"}


@pytest.mark.parametrize(
    "parameters",
    [{}, {"query": ""}, {"query": "{ hello }", "variables": "{"}, {"query": "{ hello }", "variables": "[]"}],
)
async def test_an_ill_formed_get_is_400(shop: Server, parameters: dict[str, str]) -> None:
    response = await shop.client.get("/graphql", params=parameters, headers={"accept": STRICT})
    assert (response.status_code, media_type(response)) == (400, STRICT)


@pytest.mark.parametrize("accept", [STRICT, PLAIN, "*/*", "text/event-stream"])
async def test_a_mutation_by_get_is_refused_and_not_executed(shop: Server, accept: str) -> None:
    before = list(shop.desk.done)
    response = await shop.client.get("/graphql", params={"query": "mutation { sell }"}, headers={"accept": accept})
    assert "Mutations are not taken here; send them by HTTP POST." in response.text
    assert response.status_code == (200 if accept == "text/event-stream" else 400)
    assert shop.desk.done == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_another_method_is_405_and_says_which_are_allowed(shop: Server, method: str) -> None:
    response = await shop.client.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic YTpi", "a-good-token"])
async def test_without_a_valid_token_the_answer_is_401(shop: Server, header: str) -> None:
    before = list(shop.desk.done)
    response = await shop.post({"query": "mutation { sell }"}, authorization=header)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert "Bearer" in response.json()["errors"][0]["message"]
    assert shop.desk.done == before


async def test_no_explorer_is_served(shop: Server) -> None:
    response = await shop.client.get("/graphql", headers={"accept": "text/html,*/*;q=0.1"})
    assert response.status_code == 400
    assert "<html" not in response.text


async def test_a_subscription_as_plain_json_is_told_where_to_go(shop: Server) -> None:
    response = await shop.post({"query": "subscription { count(to: 1) }"})
    assert response.status_code == 400
    assert "graphql-transport-ws" in response.json()["errors"][0]["message"]


async def test_every_answer_carries_a_request_id_of_ours(shop: Server) -> None:
    for body in (HELLO, INVALID, UNPARSABLE, "[]", {"query": "{ broken }"}):
        response = await shop.post(body, **{"x-request-id": "from-the-client"})
        assert response.json()["extensions"]["requestId"] == response.headers["x-request-id"] != "from-the-client"
        assert response.headers["x-correlation-id"] == "from-the-client"


async def test_a_context_is_made_for_the_principal_and_the_request(shop: Server) -> None:
    response = await shop.post({"query": "{ who }"})
    assert response.json()["data"] == {"who": "ana True"}


@pytest.mark.parametrize("piece", ["[]", "{}", "1", '"a"', "[[[]]]"])
@pytest.mark.parametrize("member", ["variables", "extensions"])
async def test_a_body_of_endlessly_many_values_is_not_even_parsed(shop: Server, piece: str, member: str) -> None:
    body = f'{{"query": "{{ hello }}", "{member}": {{"a": [{",".join([piece] * (900_000 // len(piece) // 2))}]}}}}'
    decoded: list[str] = []
    sys.setprofile(lambda frame, event, _: decoded.append(event) if frame.f_code is DECODE else None)
    try:
        answer = await shop.post(body)
    finally:
        sys.setprofile(None)
    assert (answer.status_code, decoded) == (400, [])
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    assert "values" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("extensions", "status"),
    [
        ({"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}, 200),
        ({"trace": [1] * 90}, 200),
        ({"trace": [[]] * 100}, 400),
        ({"trace": {f"k{n}": {} for n in range(100)}}, 400),
        ({"trace": "x" * 4_001}, 400),
        ({"x" * 4_001: 1}, 400),
    ],
)
async def test_extensions_that_nobody_reads_are_bounded(shop: Server, extensions: Any, status: int) -> None:
    answer = await shop.post({"query": "{ hello }", "extensions": extensions})
    assert answer.status_code == status
    assert status == 200 or "extensions" in answer.json()["errors"][0]["message"]


async def test_a_long_text_full_of_commas_is_read(shop: Server) -> None:
    query = "query($n: String!) { hello(name: $n) }" + "," * 10_000
    answer = await shop.post({"query": query, "variables": {"n": "[{,}]" * 800}})
    assert answer.json()["data"]["hello"].startswith("hello [{,}]")
