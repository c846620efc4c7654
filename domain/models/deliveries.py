"""Where news goes, what is to be delivered there, and each try."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant, Store


class EndpointKind(StrEnum):
    """By which channel an endpoint is spoken to."""

    WEBHOOK = "WEBHOOK"
    EMAIL = "EMAIL"
    DINGTALK = "DINGTALK"
    WECOM = "WECOM"
    FEISHU = "FEISHU"
    SLACK = "SLACK"
    TEAMS = "TEAMS"
    PAGERDUTY = "PAGERDUTY"


class EndpointState(StrEnum):
    """Whether something is sent there. Of what is not ACTIVE the position stands still, and what is due waits."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"  # by a person, or by us after days of failure
    BROKEN = "BROKEN"  # the channel says that it is gone or that our secret is wrong: a person must mend it
    OFF = "OFF"  # deleted: for good


class DeliveryState(StrEnum):
    """How far one message to one place is."""

    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"  # given up, after the last try of the schedule or because the message was refused
    CANCELED = "CANCELED"  # a person let it go, or the endpoint was deleted


class Endpoint(Model):
    """Where news is told: an address, and what is told there."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    store: "fields.ForeignKeyNullableRelation[Store]" = fields.ForeignKeyField(
        "models.Store", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    store_id: UUID | None  # only what is of this store is told there; null: of all
    kind = fields.CharEnumField(EndpointKind, max_length=16)
    name = fields.CharField(max_length=64)
    # Address, secrets and options, sealed for this row: of many channels the address is the password.
    sealed_secrets: bytes | None = fields.BinaryField(null=True)  # null: it was deleted
    old_sealed_secrets: bytes | None = fields.BinaryField(null=True)  # those before: signed with them, too, for a while
    old_valid_until: datetime | None = fields.DatetimeField(null=True)
    shown = fields.CharField(max_length=200)  # the address, masked
    types: list[str] = ArrayField(element_type="TEXT")  # wanted from the history: names, or `refund.*`; empty: none
    left_kinds: list[str] | None = ArrayField(element_type="TEXT", null=True)  # of alerts: its reader has left them
    thin = fields.BooleanField(default=False)  # ids alone, instead of facts
    per_minute = fields.IntField(default=600)  # how much it is sent at most
    state = fields.CharEnumField(EndpointState, max_length=8, default=EndpointState.ACTIVE)
    why = fields.CharField(max_length=500, null=True)  # it is not active
    position = fields.BigIntField()  # in the merchant's sealed history: deliveries of what lies before it are made
    failures = fields.IntField(default=0)  # in a row
    failing_since: datetime | None = fields.DatetimeField(null=True)  # since the first failure behind a success
    warned = fields.SmallIntField(default=0)  # how many of the warnings were given since
    rests_until: datetime | None = fields.DatetimeField(null=True)  # it asked to be left alone
    paced_until: datetime | None = fields.DatetimeField(null=True)  # what was sent lately, as a moment (per_minute)
    sent_at: datetime | None = fields.DatetimeField(null=True)  # the last that arrived
    set_by = fields.CharField(max_length=200)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "endpoints"
        indexes = (("merchant_id", "created_at", "id"),)


class Delivery(Model):
    """One message for one endpoint: of an item of the history there is one, however often it is replayed."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    endpoint: "fields.ForeignKeyRelation[Endpoint]" = fields.ForeignKeyField(
        "models.Endpoint", on_delete=fields.RESTRICT, related_name="deliveries", db_index=False
    )
    endpoint_id: UUID
    position: int | None = fields.BigIntField(null=True)  # in the history; null: it was posted (an alert, a test)
    message_id = fields.CharField(max_length=64)
    type = fields.CharField(max_length=64)
    ordering_key = fields.CharField(max_length=300, null=True)  # what stays in order, such as a refund
    sequence: int | None = fields.IntField(null=True)  # of a refund's event, in its refund
    body: bytes | None = fields.BinaryField(null=True)  # channels/channel.packed
    state = fields.CharEnumField(DeliveryState, max_length=8, default=DeliveryState.PENDING)
    # From when it may be sent; null of what is pending: it waits for the one before of its key.
    due_at: datetime | None = fields.DatetimeField(null=True)
    claimed_until: datetime | None = fields.DatetimeField(null=True)  # a try is under way, at most until then
    tries = fields.IntField(default=0)  # in this round
    round = fields.IntField(default=0)  # how often it was replayed
    number = fields.IntField(default=0)  # of the last try, over all rounds
    said = fields.CharField(max_length=500, null=True)  # what became of the last try, in words
    made_at: datetime = fields.DatetimeField(auto_now_add=True)
    ended_at: datetime | None = fields.DatetimeField(null=True)
    retired_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "deliveries"
        unique_together = (("endpoint_id", "message_id"),)


class DeliveryTry(Model):
    """One try, written before it leaves, and what was answered. Redacted."""

    id = fields.BigIntField(primary_key=True)
    delivery: "fields.ForeignKeyRelation[Delivery]" = fields.ForeignKeyField(
        "models.Delivery", on_delete=fields.RESTRICT, related_name="log", db_index=False
    )
    delivery_id: int
    number = fields.IntField()
    sent_at: datetime = fields.DatetimeField()
    outcome = fields.CharField(max_length=8, null=True)  # SENT, LATER, BROKEN or REFUSED
    status: int | None = fields.IntField(null=True)  # null: there was no answer, `said` tells why
    said = fields.CharField(max_length=500, null=True)
    body: str | None = fields.TextField(null=True)  # of the answer, redacted and cut
    duration_ms: int | None = fields.IntField(null=True)
    answered_at: datetime | None = fields.DatetimeField(null=True)  # null: under way, or its process died
    retired_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "delivery_tries"
        unique_together = (("delivery_id", "number"),)
