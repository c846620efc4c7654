"""Documents that were not sent before: read one at a time, whoever sends them, and so many of a token in a minute."""

import asyncio
from typing import Any

import pytest
from graphql import ExecutableDefinitionsRule

from api.graphql.transport.turns import Rotation
from tests.api.graphql.transport.conftest import Server, Socket, socket_to
from tests.api.graphql.transport.shop import TOKEN, Clerk
from tests.api.graphql.transport.wires import a_server

OTHER = "another-token"


def follow(number: int) -> str:
    return f"subscription {{ a{number}: count(to: 1) }}"


def ask(number: int) -> dict[str, str]:
    return {"query": f"{{ a{number}: hello }}"}


class Turns:
    """In which turn of the event loop each document was validated, and what else was heard meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0
        self.of_documents: list[int] = []
        original = ExecutableDefinitionsRule.__init__

        def counted(rule: ExecutableDefinitionsRule, *arguments: Any) -> None:
            self.of_documents.append(self.now)
            original(rule, *arguments)

        monkeypatch.setattr(ExecutableDefinitionsRule, "__init__", counted)

    async def pass_by(self) -> None:
        while True:
            self.now += 1
            await asyncio.sleep(0)


async def _subscribe(socket: Socket, numbers: range) -> list[dict[str, Any]]:
    for number in numbers:
        await socket.subscribe(follow(number), str(number))
    return [await socket.receive() for _ in numbers for _ in ("next", "complete")]


async def test_no_turn_of_the_loop_validates_two_new_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(monkeypatch)
    async with a_server() as server, socket_to(server) as one, socket_to(server) as other:
        await one.init()
        await other.init()
        passing = asyncio.create_task(turns.pass_by())
        heard = await asyncio.gather(
            _subscribe(one, range(15)),
            _subscribe(other, range(15, 30)),
            *(server.post(ask(number)) for number in range(10)),
        )
        passing.cancel()
    assert {message["type"] for message in heard[0] + heard[1]} == {"next", "complete"}
    assert len(turns.of_documents) == 40
    assert len(set(turns.of_documents)) == 40


async def test_who_has_many_waiting_is_passed_by_who_has_one() -> None:
    rotation, order = Rotation(), list[str]()

    async def work(key: str) -> None:
        async with rotation.turn(key):
            order.append(key)

    many = [asyncio.create_task(work("many")) for _ in range(6)]
    await asyncio.sleep(0)
    many[2].cancel()
    await asyncio.gather(*many, *(work(key) for key in ("one", "two")), return_exceptions=True)
    assert order == ["many", "many", "many", "one", "two", "many", "many"]
    await work("again")


async def test_one_that_is_cancelled_when_its_turn_has_come_passes_it_on() -> None:
    rotation = Rotation()

    async def work() -> None:
        async with rotation.turn("one"):
            pass

    async with rotation.turn("one"):
        waiting = [asyncio.create_task(work()) for _ in range(2)]
        await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait_for(waiting[1], 5)
    await asyncio.wait_for(work(), 5)


async def test_one_new_document_too_many_is_429_and_known_ones_go_on() -> None:
    async with a_server(rate_new_documents=2) as server:
        server.desk.tokens[OTHER] = Clerk("bia", None)
        assert [(await server.post(ask(number))).status_code for number in (0, 0, 1, 1)] == [200] * 4
        for accept in ("application/json", "text/event-stream"):
            refused = await server.post(ask(2), accept=accept)
            assert refused.status_code == 429
            assert 0 < int(refused.headers["retry-after"]) <= 30
            assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert (await server.post(ask(0))).status_code == 200
        assert (await server.post(ask(2), authorization=f"Bearer {OTHER}")).status_code == 200
        assert (await server.post(ask(2))).status_code == 200
        await _refused_on_a_socket(server)


async def _refused_on_a_socket(server: Server) -> None:
    async with socket_to(server) as socket:
        await socket.init(TOKEN)
        await socket.subscribe(follow(0))
        message = await socket.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


@pytest.mark.parametrize("query", ["{", "{ notAField }"])
async def test_the_same_bad_document_is_read_and_counted_once(query: str) -> None:
    async with a_server(rate_new_documents=1) as server:
        answers = [await server.post({"query": query}, accept="application/graphql-response+json") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400] * 3
    assert len({str(answer.json()["errors"]) for answer in answers}) == 1
