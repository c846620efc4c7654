"""Refunds, the input they were asked for with, and what two people decide when nobody can be asked."""

from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from domain.pse.vocabulary import Method

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.connections import Connection
    from domain.models.payments import Payment


class State(StrEnum):
    """Where a refund is (README, "A refund's states")."""

    AWAITING_DESTINATION = "AWAITING_DESTINATION"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    REQUESTED = "REQUESTED"
    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    MANUAL = "MANUAL"
    SUCCEEDED = "SUCCEEDED"
    RETURNED = "RETURNED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


class Holding(StrEnum):
    """What a state does with the payment's money."""

    RESERVED = "RESERVED"
    REFUNDED = "REFUNDED"
    RELEASED = "RELEASED"


_RESERVED: Final = frozenset(
    {
        State.AWAITING_DESTINATION,
        State.AWAITING_APPROVAL,
        State.REQUESTED,
        State.SUBMITTED,
        State.PENDING,
        State.MANUAL,
    }
)
RELEASED: Final = frozenset({State.RETURNED, State.FAILED, State.REJECTED, State.CANCELED, State.EXPIRED})


def holding_of(state: State | None) -> Holding:
    """What the state does with the amount."""
    if state in _RESERVED:
        return Holding.RESERVED
    return Holding.REFUNDED if state is State.SUCCEEDED else Holding.RELEASED


class Reason(StrEnum):
    """Why the merchant gives the money back."""

    CUSTOMER_REQUEST = "CUSTOMER_REQUEST"
    DUPLICATE_PAYMENT = "DUPLICATE_PAYMENT"
    FRAUD = "FRAUD"
    NOT_DELIVERED = "NOT_DELIVERED"
    DEFECTIVE = "DEFECTIVE"
    PRICE_ADJUSTMENT = "PRICE_ADJUSTMENT"
    OTHER = "OTHER"


class Refund(Model):
    """One try to give an amount of one payment back, in minor units of the payment's currency."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    payment: "fields.ForeignKeyRelation[Payment]" = fields.ForeignKeyField(
        "models.Payment", on_delete=fields.RESTRICT, db_index=True
    )
    payment_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    # As the payment has them, for life: the database fills them in, so that lists find refunds without payments.
    store_id = fields.UUIDField(null=True)
    method = fields.CharEnumField(Method, max_length=20, null=True)
    reference = fields.CharField(max_length=20, unique=True)  # ours, and the idempotency key at the PSE, for life
    request_id = fields.CharField(max_length=64)  # of the request that created it
    state = fields.CharEnumField(State, max_length=24)
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    tax_amount = fields.BigIntField()
    reason = fields.CharEnumField(Reason, max_length=32)
    note = fields.CharField(max_length=140, null=True)
    retry_of: "fields.OneToOneNullableRelation[Refund]" = fields.OneToOneField(
        "models.Refund", on_delete=fields.RESTRICT, null=True, related_name="retried_by"
    )
    retry_of_id: UUID | None
    pse_refund_reference = fields.CharField(max_length=100, null=True)
    # The PSE's ids of the payment's refunds before the first send, where only a listing can tell ours from them.
    known_before = fields.JSONField[list[str]](null=True)
    known_at = fields.DatetimeField(null=True)  # when they were listed
    unknown_at = fields.DatetimeField(null=True)  # when the PSE, asked since the last send, did not know it
    failure_code = fields.CharField(max_length=100, null=True)
    failure_message = fields.CharField(max_length=500, null=True)
    sequence = fields.IntField(default=0)  # of its last event
    expires_at = fields.DatetimeField(null=True)  # until when a person or the customer must have decided
    reminded_at = fields.DatetimeField(null=True)
    paid_by_bank_transfer = fields.BooleanField(default=False)  # a person paid it from the bank: no report line comes
    due_at = fields.DatetimeField(null=True)  # queue, lease and retry policy in one, by the database's clock
    asks = fields.IntField(default=0)  # look-ups since the state last moved
    unsent = fields.IntField(default=0)  # sends in a row that never reached the PSE
    doubt_since = fields.DatetimeField(null=True)
    needs_person_since = fields.DatetimeField(null=True)
    succeeded_at = fields.DatetimeField(null=True)  # the PSE's time where it gives one
    requested_by = fields.CharField(max_length=200)
    requested_by_id = fields.UUIDField(null=True)  # who answers for it (Principal.party); null: it is older, or ours
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "refunds"
        indexes = (("merchant_id", "created_at", "id"),)


class IdempotencyKey(Model):
    """One accepted mutation: the same key with the same input gets the same answer, for the life of its subject."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    mutation = fields.CharField(max_length=40)
    key = fields.CharField(max_length=255)
    input_digest = fields.CharField(max_length=64)  # SHA-256 of the canonical input, hex
    request_id = fields.CharField(max_length=64)
    subject_id = fields.UUIDField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "idempotency_keys"
        unique_together = (("merchant_id", "mutation", "key"),)


class DoubtVerdict(Model):
    """What people say about a refund in doubt: one proposes, another confirms (four eyes)."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.ForeignKeyRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, db_index=True
    )
    refund_id: UUID
    attempt = fields.IntField()  # the doubt it speaks of: the number of the last attempt
    verdict = fields.CharField(max_length=8)  # PAID or NOT_PAID
    evidence = fields.CharField(max_length=1000)
    pse_reference = fields.CharField(max_length=100, null=True)  # PAID: what the PSE calls the refund, if it is known
    proposed_by = fields.CharField(max_length=200)
    proposed_by_id = fields.UUIDField(null=True)
    proposed_at = fields.DatetimeField(auto_now_add=True)
    confirmed_by = fields.CharField(max_length=200, null=True)
    confirmed_by_id = fields.UUIDField(null=True)
    confirmed_at = fields.DatetimeField(null=True)
    withdrawn_at = fields.DatetimeField(null=True)

    class Meta:
        table = "doubt_verdicts"
