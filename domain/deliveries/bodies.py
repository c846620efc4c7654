"""A piece of the sealed history as what is sent of it: its type, what keeps its order, and its body."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from domain.deliveries.catalogue import DEED, NEEDS_PERSON, TEST, of_state, wants
from domain.deliveries.channels.channel import Message
from domain.models.refunds import State
from domain.money import EXPONENTS
from domain.platform import bell

# What lies behind a position, whole: what is retired of it is passed over. One row of each, looked up by its key.
PAGE: Final = """SELECT s.position, e.refund_id, e.sequence, e.kind AS event_kind, e.state, e.previous_state, e.code,
  e.request_id, r.reference, r.amount, r.currency, r.payment_id, r.connection_id, c.pse, p.store_id, p.order_reference,
  n.kind AS news_kind, n.subject_kind, n.subject_id, n.data, n.store_id AS news_store_id,
  d.kind AS deed_kind, d.operation, d.object_kind, d.object_id, d.actor, d.outcome, d.request_id AS deed_request_id,
  d.id AS deed_id, coalesce(e.occurred_at, n.occurred_at, d.occurred_at) AS occurred_at
FROM (SELECT position, event_id, news_id, deed_id FROM event_seals WHERE merchant_id = $1 AND position > $2
  ORDER BY position LIMIT $3) s
LEFT JOIN events e ON e.id = s.event_id LEFT JOIN refunds r ON r.id = e.refund_id
LEFT JOIN payments p ON p.id = r.payment_id LEFT JOIN connections c ON c.id = r.connection_id
LEFT JOIN news n ON n.id = s.news_id LEFT JOIN deeds d ON d.id = s.deed_id ORDER BY s.position"""


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """What is told of one position. `names`: what a thin body has, too; `facts`: what a fat one has besides."""

    type: str
    position: int
    object: str
    id: str
    store_id: UUID | None
    sequence: int | None
    occurred_at: datetime
    facts: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What stays in order."""
        return f"{self.object}/{self.id}"


def message_id(merchant_id: UUID, position: int) -> str:
    """The same for every endpoint and every try, for ever; it says nothing of how much there is."""
    return "msg_" + hashlib.sha256(f"{merchant_id}/{position}".encode()).hexdigest()[:32]


def item_of(row: Mapping[str, Any]) -> HistoryItem | None:
    """What a row of PAGE tells; None: nothing that is told outside."""
    if row["refund_id"] is not None:
        return _of_event(row)
    if row["news_kind"] is not None:
        return _of_news(row)
    return _of_deed(row) if row["deed_kind"] is not None else None


def _of_event(row: Mapping[str, Any]) -> HistoryItem | None:
    state, before = row["state"], row["previous_state"]
    if state != before:
        name = of_state(State(state))
    elif row["event_kind"] == "NEEDS_PERSON":
        name = NEEDS_PERSON
    else:
        return None
    facts = {
        "reference": row["reference"],
        "state": state,
        "previousState": before,
        "amount": _money(row["amount"], row["currency"]),
        "paymentId": str(row["payment_id"]),
        "connectionId": str(row["connection_id"]),
        "storeId": str(row["store_id"]),
        "pse": row["pse"],
        "orderReference": row["order_reference"],
        "code": row["code"],
        "requestId": row["request_id"],
    }
    refund = str(row["refund_id"])
    return HistoryItem(
        name, row["position"], "refund", refund, row["store_id"], row["sequence"], row["occurred_at"], facts
    )


def _of_news(row: Mapping[str, Any]) -> HistoryItem:
    told: dict[str, Any] = bell.deserialize(row["data"].encode()) if isinstance(row["data"], str) else dict(row["data"])
    name, subject = row["news_kind"], row["subject_kind"]
    if "currency" in told:  # without one it says no amount
        told["amount"] = _money(told["amount"], told.pop("currency"))
    facts = {fact: _moment(value) if fact in _MOMENTS else value for fact, value in told.items()}
    if name.startswith("approval."):
        facts, subject = {"of": subject}, "approval"
    store = row["news_store_id"]
    return HistoryItem(name, row["position"], subject, row["subject_id"], store, None, row["occurred_at"], facts)


def _of_deed(row: Mapping[str, Any]) -> HistoryItem:
    facts = {
        "operation": row["operation"],
        "ofKind": row["object_kind"],
        "ofId": row["object_id"],
        "actor": row["actor"],
        "outcome": row["outcome"],
        "requestId": row["deed_request_id"],
    }
    name = f"{DEED}.{row['deed_kind'].lower()}"
    return HistoryItem(name, row["position"], DEED, str(row["deed_id"]), None, None, row["occurred_at"], facts)


_MOMENTS: Final = frozenset({"dueAt", "since"})


def _moment(text: str | None) -> str | None:
    """A moment as PostgreSQL writes it into JSON, by UTC."""
    return None if text is None else said_at(datetime.fromisoformat(text))


def said_at(moment: datetime) -> str:
    """RFC 3339, UTC, in whole milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _money(minor_units: int, currency: str) -> dict[str, Any]:
    # As in GraphQL: a number in JSON is a double to many, and money is none. A report may name any currency.
    return {"minorUnits": str(minor_units), "currency": currency, "exponent": EXPONENTS.get(currency)}


def is_for(item: HistoryItem, types: Sequence[str], store_id: UUID | None) -> bool:
    """Whether an endpoint wants it. One of a store hears of that store alone."""
    return wants(types, item.type) and (store_id is None or item.store_id == store_id)


def message_of(item: HistoryItem, merchant_id: UUID, *, thin: bool) -> Message:
    """What is said of it: `data` is the whole body of a webhook."""
    names = {
        "merchantId": str(merchant_id),
        "object": item.object,
        "id": item.id,
        "position": item.position,
        "sequence": item.sequence,
    }
    body = {
        "type": item.type,
        "timestamp": said_at(item.occurred_at),
        "data": names if thin else {**names, **item.facts},
    }
    return Message(message_id(merchant_id, item.position), item.type, data=body, key=item.key)


_TRIED: Final[Mapping[str, str]] = {
    "en": "This is a test of Estorno.",
    "zh-CN": "这是 Estorno 的测试消息。",
    "es": "Esta es una prueba de Estorno.",
    "pt-BR": "Este é um teste do Estorno.",
}


def try_message(merchant_id: UUID, message: str, at: datetime, language: str = "en") -> Message:
    """A test of an endpoint; each is another one. A program reads English, people their language."""
    names = {"merchantId": str(merchant_id), "object": "test", "id": message, "position": None, "sequence": None}
    body = {"type": TEST, "timestamp": said_at(at), "data": {**names, "said": _TRIED["en"]}}
    said = _TRIED.get(language, _TRIED["en"])
    return Message(message, TEST, "Estorno", said, said, data=body, language=language)
