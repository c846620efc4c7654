"""What a night waits for, and how reports come in that no PSE gives to a program that asks."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.connections import Connection
    from domain.models.files import File
    from domain.models.reconciliation import ReconciliationRun


class ReportExpectation(Model):
    """When a connection's reports come by its contract, else what is known of its PSE."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    covers = fields.CharField(max_length=8)  # domain/pse/expected.Covers
    days = fields.IntField()  # after the business date
    of_banks = fields.BooleanField()  # whether these are days on which banks work
    until = fields.CharField(max_length=5)  # HH:MM
    zone = fields.CharField(max_length=64)  # an IANA name, or `merchant`
    countries: list[str] = ArrayField(element_type="TEXT")  # whose banks count; `merchant` among them
    line_days: int | None = fields.IntField(null=True)  # after a refund; null: nothing is known of it
    line_of_banks = fields.BooleanField()
    set_by = fields.CharField(max_length=200)
    set_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "report_expectations"


class BankDay(Model):
    """Whether a country's banks work on a day, where people know better than a table."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    country = fields.CharField(max_length=2)
    day: date = fields.DateField()
    closed = fields.BooleanField()
    why = fields.CharField(max_length=200)
    set_by = fields.CharField(max_length=200)
    set_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "bank_days"
        unique_together = (("merchant_id", "country", "day"),)


class HandedReport(Model):
    """A report that was handed in or delivered, and what became of it."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    way = fields.CharField(max_length=8)  # UPLOAD or COMMAND, by people; FOLDER or SFTP, by machines
    name = fields.CharField(max_length=200)
    size = fields.BigIntField()  # bytes, as it came
    sha256 = fields.CharField(max_length=64)  # of the bytes as they came, hex
    modified_at: datetime | None = fields.DatetimeField(null=True)  # by the other side's clock
    file: "fields.ForeignKeyNullableRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    file_id: UUID | None
    business_date: date | None = fields.DateField(null=True)  # as told, or as the file says; null: not known yet
    state = fields.CharField(max_length=8)  # WAITING, PROPOSED, TAKEN, KNOWN (nothing new), REFUSED or SKIPPED
    said: str | None = fields.TextField(null=True)  # what became of it, in a sentence
    run: "fields.ForeignKeyNullableRelation[ReconciliationRun]" = fields.ForeignKeyField(
        "models.ReconciliationRun", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    run_id: UUID | None
    tries = fields.IntField(default=0)
    due_at: datetime | None = fields.DatetimeField(null=True)
    handed_in_by = fields.CharField(max_length=200)
    handed_in_by_id: UUID | None = fields.UUIDField(null=True)  # who answers for it; null: a machine, or older
    report_sha256 = fields.CharField(max_length=64, null=True)  # of the bytes unpacked, as proposed
    preview: dict[str, Any] | None = fields.JSONField(null=True)  # what it would change (reconciliation/foreseen)
    confirmed_by = fields.CharField(max_length=200, null=True)
    confirmed_by_id: UUID | None = fields.UUIDField(null=True)
    confirmed_at: datetime | None = fields.DatetimeField(null=True)
    request_id = fields.CharField(max_length=64)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    done_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "handed_reports"
        indexes = (("merchant_id", "created_at", "id"),)


class ReportSource(Model):
    """Where a connection's reports are fetched by SFTP. Nothing is deleted there."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    host = fields.CharField(max_length=253)
    port = fields.IntField()
    username = fields.CharField(max_length=200)
    folder = fields.CharField(max_length=500)
    host_key = fields.CharField(max_length=2000)  # OpenSSH: the only one that is believed
    sealed_secrets = fields.BinaryField()  # a password or a private key, bound to this row
    enabled = fields.BooleanField(default=True)
    set_by = fields.CharField(max_length=200)
    set_at: datetime = fields.DatetimeField(auto_now=True)
    failures = fields.IntField(default=0)  # in a row
    said: str | None = fields.TextField(null=True)  # why the last visit failed
    visited_at: datetime | None = fields.DatetimeField(null=True)  # the last visit that succeeded
    due_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "report_sources"
