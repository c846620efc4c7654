"""Documents are executed in this process, on the public schema, with the person who has signed in as principal.

They pass what a request to /graphql passes: the rate of who asks, a place of the merchant's, its turn, the deadline,
the limits of cost, the guard, and the wall between merchants. Only that a document of ours is new costs nobody
anything.
"""

import json
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLError
from starlette.requests import Request
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from api.console.documents import PageDocument, document
from api.console.person import Visitor, look_of
from api.doors import Gate, Holder
from api.graphql.context import Context
from api.graphql.transport.bounds import OperationBounds
from api.graphql.transport.documents import Reader, TooManyDocuments, reader
from api.graphql.transport.extensions import Schema
from api.graphql.transport.live import Rendered
from api.http import request_id, speak
from api.rates import Rates
from domain.access.principal import Principal
from domain.platform.database import for_merchant

_UNCOUNTED: Final = Rates("", {})
_LANGUAGE: Final = "language"
_ONCE: Final = {OperationType.QUERY, OperationType.MUTATION}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a document came to: its data, and the errors that are not in it."""

    data: Mapping[str, Any] | None
    errors: tuple[GraphQLError, ...] = ()

    @property
    def codes(self) -> list[str]:
        """Of the errors: FORBIDDEN, NOT_FOUND, UNAVAILABLE …"""
        return [str((one.extensions or {}).get("code", "")) for one in self.errors]


class TooMuch(Exception):
    """Nothing was asked: too often (`seconds` to wait), or too much at once."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Asking:
    """What executes documents: of the application, as the GraphQL endpoint's."""

    schema: Schema
    gate: Gate
    bounds: OperationBounds
    make_context: Callable[[Principal, str], Context]
    share_of: Callable[[Principal], Hashable]
    constants: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # answers, by the name of their document

    def holder(self, person: Visitor) -> Holder:
        """Whose places they take."""
        return Holder(person.key, str(self.share_of(person.principal)))

    @contextmanager
    def place(self, person: Visitor) -> Iterator[None]:
        """One of the requests that are worked on, for as long as the block. Raises TooMuch."""
        held = self.gate.requests.take(self.holder(person).merchant)
        if held is None:
            raise TooMuch(2.0)
        try:
            yield
        finally:
            held.leave()

    async def count(self, person: Visitor) -> None:
        """One more request of theirs. Raises TooMuch."""
        seconds = await self.gate.rates.seconds_to_wait("token", person.key)
        if seconds:
            raise TooMuch(seconds)

    async def ask(
        self, request: Request, person: Visitor, document: PageDocument, variables: Mapping[str, Any]
    ) -> Reply:
        """Execute a query or a mutation. `$may…` of the document are filled in: what the person may.

        Where a permission is held in other stores only, what needs it is left out, and the rest is asked for again.
        """
        filled = {**_permissions(person.principal, document), **variables}
        language = look_of(request, request.app.state.settings).language
        speak(language)  # what is refused is read on the same page
        if _LANGUAGE in document.variables:
            filled[_LANGUAGE] = language
        answer = await self._executed(request, person, document.text, filled)
        if "FORBIDDEN" in answer.codes and any(filled.get(name) for name, _ in document.permissions):
            without = dict.fromkeys((name for name, _ in document.permissions), False)
            answer = await self._executed(request, person, document.text, {**filled, **without})
        return answer

    async def constant(self, request: Request, person: Visitor, name: str) -> Mapping[str, Any]:
        """What the document of that name is answered with, asked once: it is the same for everybody. Empty: none."""
        if name and name not in self.constants:
            answer = await self._executed(request, person, document(name).text, {})
            if answer.data is None or answer.errors:
                return answer.data or {}
            self.constants[name] = answer.data
        return self.constants.get(name, {})

    async def run(self, request: Request, person: Visitor, text: str, variables: Mapping[str, Any]) -> Reply:
        """Execute what somebody wrote, with everything that limits a client. Raises TooMuch."""
        try:
            return await self._executed(request, person, text, variables, self.gate.rates)
        except TooManyDocuments as refused:
            raise TooMuch(refused.seconds) from None
        except CannotGetOperationTypeError as refused:  # none, or several and none of them named
            return Reply(None, (GraphQLError(refused.as_http_error_reason()),))
        except InvalidOperationTypeError:
            return Reply(None, (GraphQLError("Queries and mutations run here; subscribe by the API itself."),))

    async def _executed(
        self, request: Request, person: Visitor, text: str, variables: Mapping[str, Any], rates: Rates = _UNCOUNTED
    ) -> Reply:
        reader.set(Reader(rates, self.holder(person), self.gate.executions))
        context = self.make_context(person.principal, request_id())

        async def execute() -> Any:
            return await self.schema.execute(
                text,
                variable_values=dict(variables),
                context_value=context,
                allowed_operation_types=_ONCE,
            )

        result = await self.bounds.within(self.share_of(person.principal), request.receive, execute)
        return Reply(result.data, tuple(result.errors or ()))

    async def follow(
        self, person: Visitor, document: PageDocument, variables: Mapping[str, Any]
    ) -> AsyncIterator[Reply]:
        """The results of a subscription."""
        reader.set(Reader(_UNCOUNTED, self.holder(person), self.gate.executions))
        context = self.make_context(person.principal, request_id())
        merchant_id = person.principal.merchant_id
        with for_merchant(merchant_id):
            results = await self.schema.stream(document.text, dict(variables), context)
        try:
            while True:
                # Each step is its own task's: whoever takes it says again for whom it is.
                with for_merchant(merchant_id):
                    one = await anext(results, None)
                if one is None:
                    return
                yield _answer_of(one)
        finally:
            await results.aclose()


def _answer_of(result: Any) -> Reply:
    if isinstance(result, Rendered):  # what was made once, for all who see the same
        told = json.loads(f"{{{result.json.decode()}}}")
        return Reply(told.get("data"), tuple(_error(one) for one in told.get("errors", ())))
    return Reply(result.data, tuple(result.errors or ()))


def _error(told: Mapping[str, Any]) -> GraphQLError:
    return GraphQLError(told["message"], extensions=told.get("extensions"))


def _permissions(principal: Principal, document: PageDocument) -> dict[str, bool]:
    held = {one.value for one in principal.permissions}
    return {name: permission in held for name, permission in document.permissions}
