"""Valid documents for every root field, made from the schema: what is new in it is asked for without being listed here.

An argument that names something of a merchant's is known by its own name; one that is not known here fails the test.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

# What an argument of this name stands for; `Type` is the id of a node of that type. An `id` is the field's own.
NAMED: Final[Mapping[str, str]] = {
    "payment.id": "Payment",
    "refundId": "Refund",
    "ids": "Refund",
    "handedReport.id": "handed report",
    "reportId": "handed report",
    "export.id": "export",
    "alert.id": "alert",
    "alertId": "alert",
    "endpoint.id": "endpoint",
    "endpointId": "endpoint",
    "decisionBatch.id": "decision batch",
    "batch.id": "batch",
    "batchId": "batch",
    "merchantId": "merchant",
    "runId": "ReconciliationRun",
    "paymentId": "Payment",
    "connectionApplication.id": "connection",
    "connectionId": "connection",
    "connectionIds": "connection",
    "onboardingRun.id": "PreflightRun",
    "handedReportChanged.id": "handed report",
    "fileId": "file",
    "feeScheduleId": "fee schedule",
    "fxRateId": "fx rate",
    "bankAccountId": "bank account",
    "bankLineId": "bank line",
    "bankStatementId": "bank statement",
    "payoutId": "payout",
    "finding.id": "Finding",
    "findingId": "Finding",
    "storeId": "store",
    "storeCode": "store code",
    "tokenId": "token",
    "person.id": "person",
    "personId": "person",
    "token.id": "token",
    "store.id": "store",
    "toPersonId": "person",
    "ruleId": "rule",
    "delegationId": "delegation",
    "closingId": "closing",
    "sessionId": "session",
    "reversalId": "reversal",
    "shop.id": "shop",
    "shopRefund.id": "shop refund",
    "shopId": "shop",
    "shopRefundId": "shop refund",
    "vatReversal.id": "reversal",
    "pseReference": "PSE reference",
    "orderReference": "order",
    "requestId": "request",
    "idempotencyKey": "key",
    "customerTaxId": "tax ID",
}
# Where a value must be more than one of its type.
_VALUES: Final[Mapping[str, Any]] = {
    "url": "https://shop.example.com/hooks",
    "plan": "STARTER",
    "types": ["connection.*"],
    "behind": "0",
    "hours": 1,
    "from": "2026-01-01",
    "to": "2026-01-31",
    "month": "2026-01",
    "idempotencyKey": "a-key-of-the-matrix-0001",
    "pse": "pix",
    "code": "X1",
    "email": "new@example.com",
    "country": "BR",
    "day": "2026-02-18",
    "start": "2026-02-18",
    "byTime": "12:00",
    "until": "2036-01-02T03:04:05Z",
    "host": "sftp.example.com",
    "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDbIZknpI9EAkbxXB4hK7R2B8tkyxRucRlpTjEQA7/9P",
    "zone": "America/Sao_Paulo",
    "role": "DEVELOPER",
    "minutes": 5,
    "capturedAt": "2026-01-02T03:04:05Z",
    "startsAt": "2036-01-02T03:04:05Z",
    "endsAt": "2036-01-03T03:04:05Z",
    "of": "APPROVE",
    "kind": "CAP",
    "paidOn": "2026-01-02",
    "businessDate": "2026-01-02",
    "minorUnits": "100",
    "currency": "BRL",
    "storeCode": "sp",
    "method": "PIX",
    "evidence": "The back office says so.",
    "permissions": ["READ"],
    "reason": "It was wrong.",
    "sha256": "0" * 64,
    "percent": "3.99",
    "validFrom": "2026-01-02",
    "base": "USD",
    "quote": "BRL",
    "rate": "5.43",
    "fileContent": "words",
    "reversalIds": [],  # a list names nothing here: its own tests do
    "issuedOn": "2026-01-02",
    "on": "2026-01-02",
    "period": "2026-01",
    "works": False,
    "why": "by decree",
}
_NEW: Final = frozenset({"pseReference", "orderReference"})  # of what is made, they are words
_NEW_REFERENCE: Final = "E12345678202601020304newpayment1"


@dataclass(frozen=True, slots=True)
class Document:
    """One operation with one root field. `names`: the path of each variable's part that names something, and what."""

    type_name: str
    field: str
    text: str
    variables: Mapping[str, Any]
    names: Mapping[tuple[str, ...], str]

    def about(self, world: Mapping[str, Any]) -> dict[str, Any]:
        """The variables, naming what is in this world."""
        made: dict[str, Any] = _copied(self.variables)
        for path, kind in self.names.items():
            place: Any = made
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = world[kind]
        return made


def documents(schema: GraphQLSchema, type_name: str) -> Iterator[Document]:
    """For each field of a root type: one with what it must be given, and one for each other name that it takes."""
    root = schema.get_type(type_name)
    assert isinstance(root, GraphQLObjectType)
    for name, field in root.fields.items():
        for arguments in _arguments(schema, name, field):
            yield _document(schema, type_name, name, field, arguments)


def _arguments(schema: GraphQLSchema, name: str, field: GraphQLField) -> Iterator[dict[str, Any]]:
    if name == "node":
        nodes = schema.get_type("Node")
        assert is_abstract_type(nodes)
        for kind in schema.get_possible_types(nodes):
            yield {"id": _Named(kind.name)}
        return
    needed = {key: _value(_own(name, key), one.type) for key, one in field.args.items() if is_required_argument(one)}
    if name != "payment":  # which takes one of its two names
        yield from _variants(needed, field)
    for key in field.args:
        if key not in needed and _own(name, key) in NAMED:
            yield {**needed, key: _Named(NAMED[_own(name, key)])}


def _own(field: str, argument: str) -> str:
    return f"{field}.id" if argument == "id" else argument


def _variants(needed: dict[str, Any], field: GraphQLField) -> Iterator[dict[str, Any]]:
    """With each other name that an input object takes, one at a time."""
    yield needed
    for key, one in field.args.items():
        kind = get_named_type(one.type)
        if not isinstance(kind, GraphQLInputObjectType):
            continue
        given = needed.get(key, {})
        for part in kind.fields:
            named = _named_part(part, kind)
            if named is not None and part not in given:
                base = {} if _one_of(kind) else given
                yield {**needed, key: {**base, part: named}}


def _named_part(part: str, kind: GraphQLInputObjectType) -> "_Named | None":
    if part == "id" and kind.name == "RefundBy":
        return _Named("Refund")
    return _Named(NAMED[part]) if part in NAMED and part not in _NEW or _one_of(kind) else None


@dataclass(frozen=True, slots=True)
class _Named:
    kind: str


def _value(name: str, kind: GraphQLInputType) -> Any:
    if is_non_null_type(kind):
        kind = kind.of_type
    if is_enum_type(kind):
        return next(iter(kind.values))
    if name in _VALUES:
        return _VALUES[name]
    if is_list_type(kind):
        return [_value(name, kind.of_type)]
    if is_input_object_type(kind):
        return _object(kind)
    if name in NAMED:
        return _Named(NAMED[name])
    leaf = get_named_type(kind).name
    assert leaf != "ID", f"What does {name} name? Say so in NAMED."
    return {"Int": 1, "Boolean": True, "DateTime": "2036-01-02T03:04:05Z"}.get(leaf, "words")


def _object(kind: GraphQLInputObjectType) -> dict[str, Any]:
    if _one_of(kind):
        return {"id": _Named("Refund")}
    made = {key: _value(key, one.type) for key, one in kind.fields.items() if is_required_input_field(one)}
    return {**made, "pseReference": _NEW_REFERENCE} if kind.name == "PaymentRegisterInput" else made


def _one_of(kind: GraphQLInputObjectType) -> bool:
    definition = kind.extensions.get("strawberry-definition")
    return kind.is_one_of or bool(definition and definition.is_one_of)


def _document(
    schema: GraphQLSchema, type_name: str, name: str, field: GraphQLField, arguments: dict[str, Any]
) -> Document:
    declared = ", ".join(f"${key}: {field.args[key].type}" for key in arguments)
    passed = ", ".join(f"{key}: ${key}" for key in arguments)
    head = f"{type_name.lower()} {f'({declared}) ' if declared else ''}"
    selected = _selected(schema, get_named_type(field.type))
    text = f"{head}{{ {name}{f'({passed})' if passed else ''} {selected} }}"
    names: dict[tuple[str, ...], str] = {}
    return Document(type_name, name, text, _unnamed(arguments, (), names), names)


def _unnamed(value: Any, path: tuple[str, ...], names: dict[tuple[str, ...], str]) -> Any:
    if isinstance(value, _Named):
        names[path] = value.kind
        return None
    if isinstance(value, dict):
        return {key: _unnamed(one, (*path, key), names) for key, one in value.items()}
    return value


def _selected(schema: GraphQLSchema, kind: GraphQLNamedType) -> str:
    """Enough to tell whose it is: ids, and the code of an error."""
    if is_leaf_type(kind):
        return ""
    if is_abstract_type(kind):
        if kind.name == "Node":
            return "{ __typename id }"
        return "{ __typename ... on Error { code message } }" if kind.name.endswith("Error") else "{ __typename }"
    assert isinstance(kind, GraphQLObjectType)
    parts = ["__typename"]
    for key, one in kind.fields.items():
        inner = get_named_type(one.type)
        if key in ("id", "errors", "edges", "node", "holder") or (
            kind.name.endswith("Payload") and not is_leaf_type(inner)
        ):
            parts.append(f"{key} {_selected(schema, inner)}")
    return "{ " + " ".join(parts) + " }"


def _copied(value: Any) -> Any:
    return {key: _copied(one) for key, one in value.items()} if isinstance(value, Mapping) else value
