"""Attacks by what a GraphQL request says: the known denial-of-service documents, and values that are no values.

Sources: OWASP GraphQL cheat sheet, graphql-cop, graphql-armor's list of rules; the rest was found on this product.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from tests.trials.attack.attacks import Answer, Attack, foul
from tests.trials.attack.stage import Target

_REGISTER = "mutation M($i: PaymentRegisterInput!) { paymentRegister(input: $i) { errors { ... on Error { code } } } }"
_CREATE = "mutation M($i: RefundCreateInput!) { refundCreate(input: $i) { errors { ... on Error { code } } } }"
Document = Callable[[Target, int], Mapping[str, Any] | list[Any] | bytes]


# What is wrong with a document is told by its message: these codes are one for many.
_OF_DOCUMENTS = (
    "BAD_REQUEST",
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "LIMIT_EXCEEDED",
    "PERSISTED_QUERY_NOT_SUPPORTED",
)


def _shown(answer: httpx.Response, sent: int) -> Answer:
    text = answer.text
    try:
        told = answer.json()
        error = (told.get("errors") or [{}])[0]
        code = error.get("extensions", {}).get("code")
        what = error.get("message", "data") if code is None or code in _OF_DOCUMENTS else code
    except (ValueError, AttributeError):
        what = text
    return Answer(f"{answer.status_code} {what}", sent, foul(answer.status_code, text))


def _posted(name: str, size: int, document: Document, wanted: str, worth: int = 100) -> Attack:
    async def send(target: Target, size: int) -> Answer:
        body = document(target, size)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return _shown(await target.post(content), len(content))

    return Attack(name, size, send, wanted, worth)


def _query(text: Callable[[int], str]) -> Document:
    return lambda _, size: {"query": text(size)}


def _nested(target: Target, size: int) -> Mapping[str, Any]:
    inner = "{ id }"
    for _ in range(size):
        inner = f"{{ refunds {{ payment {inner} }} }}"
    return {"query": f"query Q($id: ID!) {{ payment(id: $id) {inner} }}", "variables": {"id": target.payment}}


def _aliases(size: int) -> str:
    return "{ " + " ".join(f"a{number}: viewer {{ holder }}" for number in range(size)) + " }"


def _operations(size: int) -> str:
    return " ".join(f"query Q{number} {{ viewer {{ holder }} }}" for number in range(size))


def _cut_id(target: Target, size: int) -> Mapping[str, Any]:
    return {"query": f'{{ node(id: "{target.payment[:-4]}") {{ id }} }}'}


def _doubling(size: int) -> str:
    spread = "".join(f" fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(size - 1))
    return "{ ...F0 }" + spread + f" fragment F{size - 1} on Query {{ viewer {{ holder }} }}"


def _chained(size: int, *, operations: int = 1) -> str:
    begun = " ".join(f"query Q{n} {{ {' '.join(f'...F{k}' for k in range(size))} }}" for n in range(operations))
    fragments = "".join(f" fragment F{n} on Query {{ viewer {{ holder }} ...F{n + 1} }}" for n in range(size - 1))
    return begun + fragments + f" fragment F{size - 1} on Query {{ viewer {{ holder }} }}"


def _chained_often(size: int) -> str:
    return _chained(size, operations=10)


def _refreshes(target: Target, size: int) -> Mapping[str, Any]:
    fields = " ".join(f"a{n}: refundRefresh(input: $i) {{ requestId }}" for n in range(size))
    return {
        "query": f"mutation M($i: RefundRefreshInput!) {{ {fields} }}",
        "variables": {"i": {"refundId": target.refund}},
    }


def _payment(target: Target, **more: Any) -> dict[str, Any]:
    return {
        "connectionId": str(target.shop.connection.id),
        "storeCode": "sp",
        "pseReference": "E1",
        "method": "PIX",
        "amount": {"minorUnits": "100", "currency": "BRL"},
        "capturedAt": "2026-01-01T00:00:00Z",
        "idempotencyKey": "k" * 20,
        **more,
    }


def _registered(**more: Callable[[int], Any]) -> Document:
    return lambda target, size: {
        "query": _REGISTER,
        "variables": {"i": _payment(target, **{name: make(size) for name, make in more.items()})},
    }


def _filtered(_: Target, size: int) -> Mapping[str, Any]:
    return {
        "query": "query Q($f: RefundFilter) { refunds(first: 1, filter: $f) { edges { cursor } } }",
        "variables": {"f": {"statuses": ["REQUESTED"] * size}},
    }


def _listed(member: str) -> Document:
    return lambda _, size: {"query": "{ viewer { holder } }", member: {"f": [[]] * size}}


def _enums(_: Target, size: int) -> Mapping[str, Any]:
    made = _filtered(_, 1)
    return {**made, "variables": {"f": {"statuses": ["x" * 20] * (size // 25)}}}


def _surrogates(target: Target, size: int) -> bytes:
    body = json.dumps({"query": _REGISTER, "variables": {"i": _payment(target, pseReference="@")}})
    return body.replace('"@"', '"' + "\\ud800" * size + '"').encode()


async def _storm(target: Target, size: int) -> Answer:
    """Refunds of one payment, all at once; in their midst another merchant asks."""

    def one(number: int) -> bytes:
        wanted = {"paymentId": target.payment, "amount": {"minorUnits": "1", "currency": "BRL"}, "reason": "OTHER"}
        given = {**wanted, "idempotencyKey": f"storm-{size:06}-{number:06}"}
        return json.dumps({"query": _CREATE, "variables": {"i": given}}).encode()

    storm = [asyncio.ensure_future(target.post(one(number))) for number in range(size)]
    await asyncio.wait(storm, return_when=asyncio.FIRST_COMPLETED)
    asked = asyncio.ensure_future(target.bystander_served())
    await asked
    ahead = sum(task.done() for task in storm)
    answers = await asyncio.gather(*storm)
    bad = next((reason for answer in answers if (reason := foul(answer.status_code, answer.text))), "")
    late = "" if ahead < size or size < 100 else "another merchant waited for the whole storm"
    return Answer(f"{ahead} of {size} came first", size * 300, bad or late)


async def _largest(target: Target, size: int) -> Answer:
    """The largest amount that fits, twice; then the balances must still be readable."""
    for number in range(2):
        amount = {"minorUnits": str(2**63 - 1), "currency": "BRL"}
        given = _payment(target, amount=amount, pseReference=f"E{size}-{number}", idempotencyKey=f"{size:016}-{number}")
        await target.post(json.dumps({"query": _REGISTER, "variables": {"i": given}}).encode())
    balances = b'{"query": "{ ledgerBalances { balance debits { display } } }"}'
    return _shown(await target.post(balances), 2 * 400)


async def _leaves(target: Target, size: int) -> Answer:
    """Asks for much and goes."""
    text = "{ refunds(first: 50) { edges { node { payment { refunds(first: 20) { id } } } } } }"
    content = json.dumps({"query": text}).encode()
    for _ in range(size):
        with_timeout = asyncio.wait_for(target.post(content), 0.02)
        try:
            await with_timeout
        except TimeoutError:
            continue
    return Answer("left", size * len(content))


def _wrapped(before: str, repeated: str, after: str = "") -> Document:
    """A text in which one part is repeated `size` times."""
    return _query(lambda size: before + repeated * size + after)


def _mirrored(before: str, opening: str, middle: str, closing: str, after: str) -> Document:
    """A text that opens something `size` times and closes it as often."""
    return _query(lambda size: before + opening * size + middle + closing * size + after)


_PAGE = "{ edges { cursor } } }"
_FILTER = "{ refunds(first: 1, filter: {"
_CIRCLE = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
_PERSISTED = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
_DEEP = ("{ __schema { types { fields { type { ", "fields { type { ", "name", " } }", " } } } } }")
_LITERAL = ("{ refunds(first: 1, filter: {statuses: ", "[", "", "]", "}) " + _PAGE)
DOCUMENTS = [
    _posted("lists within lists", 4, _nested, "200 The operation may r"),
    _posted("aliases of one field", 1000, _query(_aliases), "200 (?:Syntax Error|The document has mo)"),
    _posted(
        "one field many times",
        4000,
        _wrapped("{ viewer { ", "holder ", "} }"),
        "200 (?:Syntax Error|The document has mo)",
    ),
    _posted("unknown directives", 900, _wrapped("{ viewer { holder ", "@a ", "} }"), "200 The document has mo"),
    _posted(
        "directives",
        2000,
        _wrapped("{ viewer { holder ", "@skip(if: true) ", "} }"),
        "200 (?:Syntax Error|The document has mo)",
    ),
    _posted("circular fragments", 2, _wrapped(_CIRCLE, " "), "200 Cannot spread fragm"),
    _posted("fragments that double", 50, _query(_doubling), "200 The operation nests"),
    _posted("a chain of fragments", 45, _query(_chained), "200 Fragments lie deeper", worth=40),
    _posted("ten of a chain of fragments", 24, _query(_chained_often), "200 Fragments lie deeper", worth=40),
    _posted("deep introspection", 200, _mirrored(*_DEEP), "200 (?:Syntax Error|The document has mo)"),
    _posted(
        "wide introspection",
        40,
        _wrapped("{ ", "__schema { types { fields { name args { name } } } } ", "}"),
        "200 `__schema` may be asked",
    ),
    _posted(
        "fields in fields",
        2000,
        _mirrored("{ viewer ", "{ a", " ", "}", "}"),
        "200 (?:Syntax Error|The document has mo)",
    ),
    _posted("lists in a literal", 7000, _mirrored(*_LITERAL), "200 (?:Syntax Error|The document has mo)"),
    _posted("a batch of operations", 1000, lambda _, size: [{"query": "{ viewer { holder } }"}] * size, "400 Batching"),
    _posted("an unknown persisted query", 2, lambda *_: _PERSISTED, "400 No documents are kept"),
    _posted(
        "equal keys of an input",
        640,
        _wrapped("{ refunds(first: 1, filter: {", "needsPerson: true ", "}) " + _PAGE),
        "200 The document has mo",
    ),
    _posted("operations", 50, _query(_operations), "200 The document has mo"),
    _posted("invalid enum values", 1_000_000, _enums, "400 INVALID_INPUT"),
    _posted("JSON in JSON", 400_000, lambda _, size: b"[" * size + b"]" * size, "400 INVALID_INPUT"),
    _posted(
        "digits of an amount",
        900_000,
        _registered(amount=lambda n: {"minorUnits": "9" * n, "currency": "BRL"}),
        "200 INVALID_INPUT",
    ),
    _posted("a long pseReference", 60_000, _registered(pseReference=lambda n: "a" * n), "200 INVALID_INPUT"),
    _posted(
        "a long pseReference like e-mail",
        60_000,
        _registered(pseReference=lambda n: "a@" * (n // 2)),
        "200 INVALID_INPUT",
    ),
    _posted("refreshes of one refund", 150, _refreshes, "200 The operation has 1"),
    Attack("the largest amounts", 2, _largest, "200 data$"),
    Attack("refunds of one payment at once", 200, _storm, r"\d+ of 200 came first", worth=1000),
    Attack("clients that leave", 20, _leaves, "left", worth=1000),
]
VALUES = [
    _posted("values in a filter", 60_000, _filtered, "400 INVALID_INPUT"),
    _posted("a thousand values in a filter", 1_000, _filtered, "200 INVALID_INPUT"),
    _posted("empty lists", 200_000, _listed("variables"), "400 INVALID_INPUT"),
    _posted("empty lists in extensions", 200_000, _listed("extensions"), "400 INVALID_INPUT"),
    _posted("NUL", 2, _registered(pseReference=lambda n: "E\0" * n), "200 INVALID_INPUT"),
    _posted("lone surrogates", 2, _surrogates, "200 INVALID_INPUT"),
    _posted("a long tax ID", 900_000, _registered(customerTaxId=lambda n: "1" * n), "200 INVALID_INPUT"),
    _posted("an id of another type", 2, _cut_id, "200 data$"),
]
