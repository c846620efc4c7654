"""Alerts: what people are told because they must act, by which rules, on which channels, and who has taken it on."""

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.connections import Connection
    from domain.models.deliveries import Endpoint


class AlertKind(StrEnum):
    """What people are told of (domain/alerts/kinds.toml)."""

    REFUND_STUCK = "REFUND_STUCK"
    REFUND_FAILED = "REFUND_FAILED"
    REFUND_RETURNED = "REFUND_RETURNED"
    DOUBT = "DOUBT"
    FINDING = "FINDING"
    VAT_DEADLINE = "VAT_DEADLINE"
    PSE_DOWN = "PSE_DOWN"
    ACCESS_REFUSED = "ACCESS_REFUSED"
    REPORT_LATE = "REPORT_LATE"
    EXPIRING = "EXPIRING"
    INVARIANT_BROKEN = "INVARIANT_BROKEN"
    BALANCE_LOW = "BALANCE_LOW"
    UNUSUAL_VOLUME = "UNUSUAL_VOLUME"
    CHANNEL_FAILING = "CHANNEL_FAILING"
    APPROVAL_WAITING = "APPROVAL_WAITING"
    WEBHOOKS_REFUSED = "WEBHOOKS_REFUSED"
    SHOP_REFUND_WAITING = "SHOP_REFUND_WAITING"
    SHOP_FAILING = "SHOP_FAILING"


class Severity(StrEnum):
    """How soon somebody must act."""

    CRITICAL = "CRITICAL"  # now, at any hour
    WARNING = "WARNING"  # today, in working hours
    INFO = "INFO"  # in the daily digest


class Mode(StrEnum):
    """How a rule tells."""

    AT_ONCE = "AT_ONCE"
    DIGEST = "DIGEST"
    NEVER = "NEVER"


class What(StrEnum):
    """What a notice says of its alert."""

    OPENED = "OPENED"
    GREW = "GREW"
    REPEATED = "REPEATED"
    ESCALATED = "ESCALATED"
    RESOLVED = "RESOLVED"


class AlertRule(Model):
    """What a merchant wants to be told otherwise than by default. A changed rule is a new row: the old one ends."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    name = fields.CharField(max_length=64)  # a kind's own name stands in the place of its default
    kind = fields.CharEnumField(AlertKind, max_length=20)
    mode = fields.CharEnumField(Mode, max_length=8)
    severity: Any = fields.CharEnumField(Severity, max_length=8, null=True)  # null: the kind's own
    connection_ids: list[UUID] = ArrayField(element_type="UUID")  # whose; none: of all
    endpoint_ids: list[UUID] = ArrayField(element_type="UUID")  # who is told; none: every channel that people read
    next_ids: list[UUID] = ArrayField(element_type="UUID")  # and when nobody has acknowledged it, first
    last_ids: list[UUID] = ArrayField(element_type="UUID")  # and at last
    escalates = fields.BooleanField(default=True)
    quiet_from = fields.CharField(max_length=5, null=True)  # HH:MM in the merchant's zone
    quiet_until = fields.CharField(max_length=5, null=True)
    least = fields.JSONField[dict[str, int]]()  # of FINDING: minor units by currency, at or above
    hours: int | None = fields.IntField(null=True)  # how long something may last first, where that is a question
    set_by = fields.CharField(max_length=200)
    set_at: datetime = fields.DatetimeField(auto_now_add=True)
    ended_at: datetime | None = fields.DatetimeField(null=True)
    ended_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "alert_rules"


class Alert(Model):
    """One thing that people must act on: of a key there is one that is open, however often it is seen again."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    kind = fields.CharEnumField(AlertKind, max_length=20)
    key = fields.CharField(max_length=120)  # what and where
    connection: "fields.ForeignKeyNullableRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    connection_id: UUID | None
    endpoint: "fields.ForeignKeyNullableRelation[Endpoint]" = fields.ForeignKeyField(
        "models.Endpoint", on_delete=fields.RESTRICT, null=True, db_index=True, related_name="alerts"
    )
    endpoint_id: UUID | None
    severity = fields.CharEnumField(Severity, max_length=8)
    count = fields.BigIntField()  # of refunds, findings, dates: what it is about
    amounts = fields.JSONField[dict[str, int]]()  # minor units by currency
    subjects = fields.JSONField[list[dict[str, str]]]()  # the oldest of them: what each is, its id and its name
    facts = fields.JSONField[dict[str, Any]]()  # for the words of its kind
    since: datetime = fields.DatetimeField()  # the oldest of what it is about
    opened_at: datetime = fields.DatetimeField()
    last_seen_at: datetime = fields.DatetimeField()
    told_at: datetime | None = fields.DatetimeField(null=True)  # first
    said_at: datetime | None = fields.DatetimeField(null=True)  # last
    told_count = fields.BigIntField(default=0)  # how many it was about then
    notices = fields.IntField(default=0)  # how often something was said
    escalated = fields.SmallIntField(default=0)  # 1: to the next, 2: to the last
    acknowledged_at: datetime | None = fields.DatetimeField(null=True)
    acknowledged_by = fields.CharField(max_length=200, null=True)  # who owns it
    acknowledged_by_id: UUID | None = fields.UUIDField(null=True)
    snoozed_until: datetime | None = fields.DatetimeField(null=True)
    snoozed_by = fields.CharField(max_length=200, null=True)
    resolved_at: datetime | None = fields.DatetimeField(null=True)
    resolved_told = fields.BooleanField(default=False)
    retired_at: datetime | None = fields.DatetimeField(null=True)  # what it was about is gone, by retention

    class Meta:
        table = "alerts"
        indexes = (("merchant_id", "opened_at", "id"),)


class AlertNotice(Model):
    """That one endpoint is to be told something of an alert, and what became of it."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    alert: "fields.ForeignKeyRelation[Alert]" = fields.ForeignKeyField(
        "models.Alert", on_delete=fields.RESTRICT, db_index=False, related_name="told"
    )
    alert_id: UUID
    endpoint: "fields.ForeignKeyRelation[Endpoint]" = fields.ForeignKeyField(
        "models.Endpoint", on_delete=fields.RESTRICT, db_index=False, related_name="alert_notices"
    )
    endpoint_id: UUID
    what = fields.CharEnumField(What, max_length=10)
    number = fields.IntField()  # of the alert's notices
    due_at: datetime | None = fields.DatetimeField(null=True)  # null: said, or not needed any more
    made_at: datetime = fields.DatetimeField(auto_now_add=True)
    said_at: datetime | None = fields.DatetimeField(null=True)
    delivery_id: int | None = fields.BigIntField(null=True)  # many may have gone in one

    class Meta:
        table = "alert_notices"
        unique_together = (("alert_id", "number", "endpoint_id"),)


class AlertMark(Model):
    """How far a merchant's sealed history was looked through for alerts, and for which day the digest was written."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    position = fields.BigIntField(default=0)
    digest_on: date | None = fields.DateField(null=True)  # a day of the merchant's zone

    class Meta:
        table = "alert_marks"
