"""A merchant's account at a PSE."""

from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant, Store


class ConnectionState(StrEnum):
    """From an application to an account that moves money (domain/onboarding/states)."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    UNDER_REVIEW = "UNDER_REVIEW"
    SANDBOX = "SANDBOX"  # the documents are in order: it is certified in the PSE's sandbox
    CERTIFIED = "CERTIFIED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    REJECTED = "REJECTED"


class Connection(Model):
    """A merchant's account at a PSE, and how it is spoken to."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    pse = fields.CharField(max_length=32)
    name = fields.CharField(max_length=64)
    base_url = fields.CharField(max_length=500)
    token_url = fields.CharField(max_length=500, null=True)
    report_url = fields.CharField(max_length=500, null=True)  # where reports are fetched, where that is another host
    client_id = fields.CharField(max_length=200)
    sealed_secrets = fields.BinaryField()  # AES-GCM, bound to this row (domain/platform/secrets)
    old_sealed_secrets = fields.BinaryField(
        null=True
    )  # those before: webhooks are verified with them, too, for a while
    old_valid_until = fields.DatetimeField(null=True)
    default_store: "fields.ForeignKeyRelation[Store]" = fields.ForeignKeyField(
        "models.Store", on_delete=fields.RESTRICT
    )
    default_store_id: UUID
    enabled = fields.BooleanField(default=True)
    state = fields.CharEnumField(ConnectionState, max_length=16, default=ConnectionState.ACTIVE)
    submitted_by = fields.CharField(max_length=200, null=True)
    reviewed_by = fields.CharField(max_length=200, null=True)  # never who submitted it
    refusals = fields.IntField(default=0)  # orders in a row that the PSE did not take because of our access
    refused_since = fields.DatetimeField(null=True)  # since when nothing is sent because of that
    refused_with = fields.CharField(max_length=64, null=True)  # SHA-256 of the sealed secrets that were refused
    refused_because = fields.CharField(max_length=500, null=True)
    down_since = fields.DatetimeField(null=True)  # since when the PSE answers nobody (jobs/wire/breaker); null: it does
    # As the worker's breaker had it last: until when nothing is sent, and since when nothing was answered.
    resting_until = fields.DatetimeField(null=True)
    failing_since = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "connections"
        unique_together = (("merchant_id", "name"),)


class RefusedWebhook(Model):
    """How many webhooks of a day did not prove that they come from the PSE; nothing else of them is kept."""

    id = fields.BigIntField(primary_key=True)
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    day = fields.DateField()  # UTC
    times = fields.IntField(default=1)

    class Meta:
        table = "refused_webhooks"
        unique_together = (("connection_id", "day"),)
