"""VAT of refunds: whether it is taken back, the tax documents that say so, where a sale is taxed."""

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant, Store
    from domain.models.connections import Connection
    from domain.models.files import File
    from domain.models.payments import Payment
    from domain.models.refunds import Refund


class ReversalState(StrEnum):
    """Where the VAT of a refund is."""

    NEEDED = "NEEDED"
    NEEDS_REVIEW = "NEEDS_REVIEW"  # a person says what is unknown, or decides
    DOCUMENTED = "DOCUMENTED"  # a tax document takes it back
    DECLARED = "DECLARED"  # and it stands in a period's return
    NOT_RECOVERABLE = "NOT_RECOVERABLE"
    UNDONE = "UNDONE"  # the refund came back: there is nothing to take back


class RefundCause(StrEnum):
    """Why money goes back, as tax law divides it."""

    RETURN_OF_GOODS = "RETURN_OF_GOODS"
    DISCOUNT = "DISCOUNT"
    BILLING_ERROR = "BILLING_ERROR"
    CANCELLATION = "CANCELLATION"  # before delivery


class TaxRegime(StrEnum):
    """Who declared the tax of a sale."""

    LOCAL = "LOCAL"  # the merchant, registered in the country
    SIMPLIFIED = "SIMPLIFIED"  # the merchant, from abroad, in the form for non-residents
    PLATFORM = "PLATFORM"  # a platform withheld it
    NOT_OURS = "NOT_OURS"  # customs or the card's issuer charged the buyer


class Booked(StrEnum):
    """What of a reversal stands in the ledger."""

    NOTHING = "NOTHING"
    DOCUMENTED = "DOCUMENTED"
    LOST = "LOST"


class VatReversal(Model):
    """The VAT of one refund that has left. Whose, of which refund and how much is for life."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.OneToOneRelation[Refund]" = fields.OneToOneField(
        "models.Refund", on_delete=fields.RESTRICT, related_name="vat_reversal"
    )
    refund_id: UUID
    payment: "fields.ForeignKeyRelation[Payment]" = fields.ForeignKeyField(
        "models.Payment", on_delete=fields.RESTRICT, db_index=True
    )
    payment_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    store: "fields.ForeignKeyRelation[Store]" = fields.ForeignKeyField(
        "models.Store", on_delete=fields.RESTRICT, db_index=False
    )
    store_id: UUID
    amount = fields.BigIntField()  # VAT, minor units
    currency = fields.CharField(max_length=3)
    country = fields.CharField(max_length=2)
    regime = fields.CharEnumField(TaxRegime, max_length=16)
    state = fields.CharEnumField(ReversalState, max_length=16)
    reason = fields.CharField(max_length=32, null=True)  # of a review: a code of domain/taxes/words.toml
    booked = fields.CharEnumField(Booked, max_length=16, default=Booked.NOTHING)
    sequence = fields.IntField(default=0)  # of what was posted of it: part of the ledger's cause
    rule_id = fields.CharField(max_length=40, null=True)
    rules_version = fields.CharField(max_length=40)
    sold_on: date = fields.DateField()  # captured, in the merchant's zone
    asked_on: date = fields.DateField()  # the refund was asked for
    paid_on: date = fields.DateField()  # it left
    event_on: date | None = fields.DateField(null=True)  # as a person says: the goods came back, the sale was annulled
    delivered_on: date | None = fields.DateField(null=True)
    cause = fields.CharEnumField(RefundCause, max_length=16, null=True)
    buyer_identified = fields.BooleanField(null=True)
    due_on: date | None = fields.DateField(null=True)
    document_number = fields.CharField(max_length=100, null=True)
    document_on: date | None = fields.DateField(null=True)
    period = fields.CharField(max_length=7, null=True)  # YYYY-MM of the return that declares it
    note = fields.CharField(max_length=500, null=True)  # of whoever decided last
    decided_by = fields.CharField(max_length=200, null=True)
    settled_on: date | None = fields.DateField(null=True)  # documented, or lost: the ledger's accounting date
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    updated_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "vat_reversals"
        indexes = (("merchant_id", "created_at", "id"),)


class VatWriteOff(Model):
    """That a person gives the VAT of a refund up: it stands, or waits for a second person, until it has ended."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    reversal: "fields.ForeignKeyRelation[VatReversal]" = fields.ForeignKeyField(
        "models.VatReversal", on_delete=fields.RESTRICT, related_name="write_offs", db_index=True
    )
    reversal_id: UUID
    said = fields.JSONField[dict[str, Any]]()  # how, and what a review says (domain/taxes/giving_up)
    note = fields.CharField(max_length=500)
    amount = fields.BigIntField()  # VAT, minor units
    currency = fields.CharField(max_length=3)
    facts = fields.CharField(max_length=64)  # digest of the reversal as it was
    needs_two = fields.BooleanField()
    proposed_by = fields.CharField(max_length=200)
    proposed_by_id = fields.UUIDField()
    proposed_at: datetime = fields.DatetimeField(auto_now_add=True)
    confirmed_by = fields.CharField(max_length=200, null=True)
    confirmed_by_id = fields.UUIDField(null=True)
    started_at = fields.DatetimeField(null=True)  # null: it waits for a second person
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.CharField(max_length=200, null=True)
    ended_why = fields.CharField(max_length=500, null=True)

    class Meta:
        table = "vat_write_offs"


class TaxDocument(Model):
    """A tax document that takes VAT back (or gives it again): one version of it. Its facts never change."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    file: "fields.ForeignKeyNullableRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    file_id: UUID | None
    country = fields.CharField(max_length=2)
    kind = fields.CharField(max_length=16)  # its layout
    name = fields.CharField(max_length=160)  # what makes it one in its country: access key, UUID, issuer with number
    number = fields.CharField(max_length=100)
    issued_on: date = fields.DateField()
    issuer = fields.CharField(max_length=32, null=True)  # a company's tax ID
    currency = fields.CharField(max_length=3)
    total = fields.BigIntField()  # minor units, above zero: the type gives the sign
    tax = fields.BigIntField()  # of it
    originals = fields.JSONField[list[str]]()  # names of the sales' documents
    refund_reference = fields.CharField(max_length=20, null=True)  # ours, where the file names it
    cause = fields.CharEnumField(RefundCause, max_length=16, null=True)
    facts = fields.CharField(max_length=64)  # SHA-256 of what it says, hex: the same again changes nothing
    checked = fields.JSONField[dict[str, Any]]()  # what was checked of it, and what was not
    problem = fields.CharField(max_length=500, null=True)  # why it takes nothing back (yet)
    imported_by = fields.CharField(max_length=200)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    ended_at = fields.DatetimeField(null=True)  # canceled, or revised by another version
    ended_because = fields.CharField(max_length=16, null=True)

    class Meta:
        table = "tax_documents"
        indexes = (("merchant_id", "created_at", "id"),)


class TaxCancellation(Model):
    """That a document is canceled which was not handed in yet: if it comes, it takes nothing back."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    file: "fields.ForeignKeyRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, db_index=True
    )
    file_id: UUID
    name = fields.CharField(max_length=160)  # the document's
    imported_by = fields.CharField(max_length=200)
    made_at: datetime = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "tax_cancellations"


class TaxDocumentShare(Model):
    """How much of a document is of one reversal's refund. Both in minor units."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    document: "fields.ForeignKeyRelation[TaxDocument]" = fields.ForeignKeyField(
        "models.TaxDocument", on_delete=fields.RESTRICT, db_index=True, related_name="shares"
    )
    document_id: UUID
    reversal: "fields.ForeignKeyRelation[VatReversal]" = fields.ForeignKeyField(
        "models.VatReversal", on_delete=fields.RESTRICT, db_index=True, related_name="shares"
    )
    reversal_id: UUID
    amount = fields.BigIntField()
    tax = fields.BigIntField()
    made_at: datetime = fields.DatetimeField(auto_now_add=True)
    voided_at = fields.DatetimeField(null=True)

    class Meta:
        table = "tax_document_shares"


class TaxPlace(Model):
    """Where the sales of a store, of a connection, or of all of a merchant are taxed, and who declares them."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    store_id: UUID | None = fields.UUIDField(null=True)
    connection_id: UUID | None = fields.UUIDField(null=True)
    country = fields.CharField(max_length=2)
    regime = fields.CharEnumField(TaxRegime, max_length=16)
    set_by = fields.CharField(max_length=200)
    set_at: datetime = fields.DatetimeField(auto_now_add=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "tax_places"
