"""A new refund in two round trips: what is known of its key and its payment, and one statement that writes it all.

The statement reserves the amount, claims the key, stores the refund and its first event and posts its entries, or does
nothing at all: it is one, so no death of ours can leave a key without its refund, or a refund without its key.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

from domain.access.principal import Scope
from domain.books import ledger
from domain.cause import Cause
from domain.models import Refund
from domain.models.refunds import State
from domain.money import Money
from domain.platform.database import rows
from domain.platform.joined import columns, model_of
from domain.refunds.states import MOVES

_NAMESPACE_LENGTH: Final = 40  # of the column; more than 100 bits of it tell one customer from another

# What `checked_amount` and `tax_of` decide by, with the clock that they decide by.
_PAYMENT: Final = (
    "p.id, p.merchant_id, p.store_id, p.connection_id, p.method, p.currency, p.captured, p.reserved, p.refunded, "
    "p.taken_by_bank, p.charged_back, p.tax_amount, p.tax_allocated, p.captured_at, p.withdrawn_at, p.customer_digest, "
    "p.source, p.confirmed_at, p.contradicted_at, p.contradiction, p.shown_captured, "
    "p.shown_gone, c.pse, m.zone, m.rules_version, now() AS now"
)
_JOINED: Final = "JOIN connections c ON c.id = p.connection_id JOIN merchants m ON m.id = p.merchant_id"
_SEEN: Final = f"""
SELECT {_PAYMENT}, k.input_digest, k.request_id AS original_request_id, k.subject_id FROM (SELECT 1) AS one
LEFT JOIN idempotency_keys k ON k.merchant_id = $1 AND k.mutation = $3 AND k.key = $4
LEFT JOIN (payments p {_JOINED}) ON p.id = $2 AND p.merchant_id = $1"""  # noqa: S608 - ours, and every value is bound
_LOCKED: Final = (
    f"SELECT {_PAYMENT} FROM payments p {_JOINED} WHERE p.id = $1 AND p.merchant_id = $2 "  # noqa: S608 - as above
    "FOR NO KEY UPDATE OF p"
)
_SEEN_ALL: Final = (
    f"SELECT {_PAYMENT}, p.order_reference, p.pse_reference FROM payments p {_JOINED} "  # noqa: S608 - as above
    "WHERE p.id = ANY($1::uuid[]) AND p.merchant_id = $2"
)
# What was decided holds only while the payment is as it was seen. Who waited here for another's commit compares again.
_UNCHANGED: Final = (
    " AND (reserved, refunded, taken_by_bank, charged_back, tax_amount, tax_allocated) = ($23, $24, $25, $26, $27, $28)"
    " AND withdrawn_at IS NULL"
    " AND (SELECT m.rules_version FROM merchants m WHERE m.id = $2) = $32"
)
_CLAIM: Final = """
claimed AS (INSERT INTO idempotency_keys (merchant_id, mutation, key, input_digest, request_id, subject_id, created_at)
  SELECT $2, $29, $30, $31, $9, $1, now() FROM reserved),"""
_WRITE: Final = """
WITH reserved AS (UPDATE payments SET reserved = reserved + $5, tax_allocated = tax_allocated + $7
  WHERE id = $3{unchanged} RETURNING store_id),{claim}
made AS (INSERT INTO refunds (id, merchant_id, payment_id, connection_id, reference, request_id, state, amount,
    currency, tax_amount, reason, note, retry_of_id, sequence, due_at, asks, unsent, requested_by,
    requested_by_id, created_at, updated_at)
  SELECT $1, $2, $3, $4, $8, $9, $14, $5, $6, $7, $10, $11, $12, 1, now(), 0, 0, $13, $20::uuid, now(), now()
  FROM reserved
  RETURNING *),
told AS (INSERT INTO events (merchant_id, refund_id, sequence, kind, state, request_id, actor, detail, party, token_id,
    session_id, occurred_at)
  SELECT $2, $1, 1, $14::varchar, $14::varchar, $9, $13, '{{}}'::jsonb, $20::uuid, $21::uuid, $22::uuid, now()
  FROM made),
posted AS (INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, refund_id, entry, debit,
    credit, amount, currency, accounting_date, cause, leg, request_id, booked_at)
  SELECT $2, reserved.store_id, $4, $3, $1, legs.entry, legs.debit, legs.credit, legs.amount, $6, $15,
    'refund/' || $1::text || '/1/' || legs.entry, legs.leg, $9, now()
  FROM reserved, unnest($16::varchar[], $17::varchar[], $18::varchar[], $19::bigint[])
    WITH ORDINALITY AS legs(entry, debit, credit, amount, leg))
SELECT {refund} FROM made"""
_WRITE_LOCKED: Final = _WRITE.format(unchanged="", claim="", refund="{refund}")
_WRITE_IF_UNCHANGED: Final = _WRITE.format(unchanged=_UNCHANGED, claim=_CLAIM, refund="{refund}")


@dataclass(frozen=True, slots=True)
class Key:
    """The idempotency key that a request came with; `mutation` is the namespace in which it is the only one."""

    mutation: str
    key: str
    input_digest: str

    @classmethod
    def of(cls, scope: Scope, mutation: str, key: str, input_digest: str) -> "Key":
        """A customer's are of a namespace of their own: they take no key of the shop's, and learn of none."""
        if scope.payment_id is None and scope.customer is None:
            return cls(mutation, key, input_digest)
        whose = hashlib.sha256(f"{scope.payment_id}/{scope.customer}".encode()).hexdigest()
        return cls(f"{mutation}/{whose}"[:_NAMESPACE_LENGTH], key, input_digest)


@dataclass(frozen=True, slots=True)
class Draft:
    """A refund as it was decided, amounts in minor units."""

    id: UUID
    state: State
    amount: Money
    tax: int
    reference: str
    reason: str
    note: str | None
    retry_of: UUID | None


async def seen(merchant_id: UUID, payment_id: UUID, key: Key) -> dict[str, Any]:
    """The payment's row with `pse`, `zone` and `now`, not locked (`id` None: no such payment), and of the key's earlier
    use `input_digest`, `original_request_id` and `subject_id` (None: it is new).
    """
    (row,) = await rows(_SEEN, merchant_id, payment_id, key.mutation, key.key)
    return row


async def seen_all(merchant_id: UUID, payment_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """The rows of many payments as refunds of them are decided by, not locked, with `order_reference` and
    `pse_reference`.
    """
    return await rows(_SEEN_ALL, list(payment_ids), merchant_id)


async def locked(merchant_id: UUID, payment_id: UUID) -> dict[str, Any] | None:
    """The payment's row, locked until the caller's transaction ends."""
    found = await rows(_LOCKED, payment_id, merchant_id)
    return found[0] if found else None


async def write(payment: Mapping[str, Any], draft: Draft, cause: Cause) -> Refund:
    """Store the refund of a locked payment; its key is claimed already."""
    (row,) = await rows(_named(_WRITE_LOCKED), *_values(payment, draft, cause))
    return model_of(Refund, row, "made")


async def write_if_unchanged(payment: Mapping[str, Any], draft: Draft, key: Key, cause: Cause) -> Refund | None:
    """Store the refund and claim its key; None, and nothing is stored, when the payment or its merchant's rules are not
    as they were seen.

    Raises Tortoise's IntegrityError when the key is taken meanwhile.
    """
    found = await rows(
        _named(_WRITE_IF_UNCHANGED),
        *_values(payment, draft, cause),
        payment["reserved"],
        payment["refunded"],
        payment["taken_by_bank"],
        payment["charged_back"],
        payment["tax_amount"],
        payment["tax_allocated"],
        key.mutation,
        key.key,
        key.input_digest,
        payment["rules_version"],
    )
    return model_of(Refund, found[0], "made") if found else None


@cache
def _named(statement: str) -> str:
    """The statement with the refund's columns by their names: one may be added while we run."""
    return statement.replace("{refund}", columns(Refund, "made"))


def _values(payment: Mapping[str, Any], draft: Draft, cause: Cause) -> list[Any]:
    legs = [
        (entry.value, debit.value, credit.value, amount)
        for entry in MOVES[(None, draft.state)]
        for debit, credit, amount in ledger.legs_of(entry, draft.amount.minor_units, draft.tax)
    ]
    columns = [list(column) for column in zip(*legs, strict=True)] or [[], [], [], []]
    return [
        draft.id,
        payment["merchant_id"],
        payment["id"],
        payment["connection_id"],
        draft.amount.minor_units,
        draft.amount.currency,
        draft.tax,
        draft.reference,
        cause.request_id,
        draft.reason,
        draft.note,
        draft.retry_of,
        cause.actor[:200],
        draft.state.value,
        ledger.accounting_date_of(payment["now"], payment["zone"]),
        *columns,
        *cause.known_by,
    ]
