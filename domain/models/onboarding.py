"""What is asked and tried before money depends on a connection: preflights and certifications."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.connections import Connection


class PreflightRun(Model):
    """What a PSE was asked of an account before money depends on it."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    request_id = fields.CharField(max_length=64)
    asked_by = fields.CharField(max_length=200)
    outcome = fields.CharField(max_length=16, null=True)
    error: str | None = fields.TextField(null=True)
    tries = fields.IntField(default=0)
    due_at = fields.DatetimeField(null=True)  # queue and lease in one; null: it is done
    created_at = fields.DatetimeField(auto_now_add=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "preflight_runs"
        indexes = (("connection_id", "created_at", "id"),)


class PreflightCheck(Model):
    """One question of a preflight and its answer."""

    id = fields.BigIntField(primary_key=True)
    run: "fields.ForeignKeyRelation[PreflightRun]" = fields.ForeignKeyField(
        "models.PreflightRun", on_delete=fields.RESTRICT, db_index=False
    )
    run_id: UUID
    code = fields.CharField(max_length=32)
    outcome = fields.CharField(max_length=16)
    saw = fields.TextField()
    what_to_do = fields.TextField()
    at = fields.DatetimeField()

    class Meta:
        table = "preflight_checks"
        unique_together = (("run_id", "code"),)


class CertificationRun(Model):
    """A series of refunds that a connection is tried with."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    request_id = fields.CharField(max_length=64)
    asked_by = fields.CharField(max_length=200)
    outcome = fields.CharField(max_length=16, null=True)
    error: str | None = fields.TextField(null=True)
    payments = fields.JSONField[dict[str, Any]]()  # the PSE's references of the payments to try it with, by case
    report = fields.JSONField[dict[str, Any]](null=True)  # what was signed
    signature = fields.CharField(max_length=200, null=True)  # Ed25519, base64
    tries = fields.IntField(default=0)
    due_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "certification_runs"
        indexes = (("connection_id", "created_at", "id"),)


class CertificationCase(Model):
    """One refund of the series: what was tried, and what came of it."""

    id = fields.BigIntField(primary_key=True)
    run: "fields.ForeignKeyRelation[CertificationRun]" = fields.ForeignKeyField(
        "models.CertificationRun", on_delete=fields.RESTRICT, db_index=False
    )
    run_id: UUID
    name = fields.CharField(max_length=32)
    outcome = fields.CharField(max_length=16)
    said = fields.TextField()
    evidence = fields.JSONField[dict[str, Any]]()
    at = fields.DatetimeField()

    class Meta:
        table = "certification_cases"
        unique_together = (("run_id", "name"),)
