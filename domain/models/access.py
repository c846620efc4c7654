"""Who may ask: merchants, their stores and people, what each may do, sessions, and bearer tokens."""

from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model


class Merchant(Model):
    """Whose refunds, books and people are kept apart from all others."""

    id = fields.UUIDField(primary_key=True)
    name = fields.CharField(max_length=200)
    country = fields.CharField(max_length=2)
    zone = fields.CharField(max_length=64)  # IANA zone of the accounting date
    # What its customers are spoken to in where their browser asks for none of ours; null: their money's.
    language = fields.CharField(max_length=5, null=True)
    rules_version = fields.IntField(
        default=0
    )  # grows with each change of its rules and caps: what is remembered of them
    findings_position = fields.BigIntField(default=0)  # the last that was given out (findings/changes)
    # The merchant whose administrator made this one, where one installation serves several.
    platform: "fields.ForeignKeyNullableRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, null=True, db_index=True, related_name="served"
    )
    platform_id: UUID | None
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "merchants"


class Store(Model):
    """A part of a merchant that has sales, and people, of its own."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    code = fields.CharField(max_length=64)
    name = fields.CharField(max_length=200)
    payee_key = fields.CharField(max_length=140, null=True)  # the key or account that receives this store's payments
    contact = fields.CharField(max_length=200, null=True)  # how a customer reaches the store, in its own words
    privacy_url = fields.CharField(max_length=300, null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "stores"
        unique_together = (("merchant_id", "code"), ("merchant_id", "payee_key"))


class Person(Model):
    """Somebody who signs in. The e-mail address is who they are, for life: another address is another person."""

    id = fields.UUIDField(primary_key=True)
    # Whose people manage them. What they may do, at this merchant and at others, is in their grants.
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    name = fields.CharField(max_length=100)
    email = fields.CharField(max_length=95)  # with the name it fits into an event's actor
    state = fields.CharField(max_length=16, default="ACTIVE")
    created_at = fields.DatetimeField(auto_now_add=True)
    created_by = fields.CharField(max_length=200)

    class Meta:
        table = "people"
        indexes = (("merchant_id", "created_at", "id"),)


class OwnRole(Model):
    """A set of permissions that a merchant has named. A changed one is a new row: the old one ends."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    name = fields.CharField(max_length=64)
    permissions = ArrayField(element_type="text")
    created_at = fields.DatetimeField(auto_now_add=True)
    created_by = fields.CharField(max_length=200)
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "roles"


class Token(Model):
    """What a program or a customer proves itself with; its digest alone is kept."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    holder = fields.CharField(max_length=200)  # the person or program; four eyes compare domain/access/holders.py
    name = fields.CharField(max_length=100, null=True)  # what it is for
    kind = fields.CharField(max_length=16, default="SERVICE")  # or CUSTOMER, or PERSONAL
    role = fields.CharField(max_length=32)  # GRANTED: what its grants say; else it was made before there were any
    prefix = fields.CharField(max_length=16)  # shown to people, so that they can tell tokens apart
    digest = fields.CharField(max_length=64, unique=True)  # SHA-256 of the whole token, hex
    payment_id = fields.UUIDField(null=True)  # a customer's: of one payment,
    customer_digest = fields.CharField(max_length=64, null=True)  # or of one customer's payments
    party_id = fields.UUIDField(null=True)  # who answers for it: a person, else the first of the tokens that made it
    maker_id = fields.UUIDField(null=True)  # a customer's: of the token, or of the person, that made it
    person_id = fields.UUIDField(null=True)  # a personal one's: whose it is,
    session_id = fields.UUIDField(null=True)  # and the session with which it ends
    vouched_by_id = fields.UUIDField(null=True)  # who made the link that began the session it comes from (vouching)
    created_by = fields.CharField(max_length=200, null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    last_used_at = fields.DatetimeField(null=True)  # to the minute
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    revoked_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "tokens"


class Grant(Model):
    """A role that a person or a token has at a merchant, in one store or (null) in all. One that is taken away ends."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    person: "fields.ForeignKeyNullableRelation[Person]" = fields.ForeignKeyField(
        "models.Person", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    person_id: UUID | None
    token: "fields.ForeignKeyNullableRelation[Token]" = fields.ForeignKeyField(
        "models.Token", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    token_id: UUID | None
    role = fields.CharField(max_length=64)  # one that is built in, or the name of one in `roles`
    store: "fields.ForeignKeyNullableRelation[Store]" = fields.ForeignKeyField(
        "models.Store", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    store_id: UUID | None
    created_at = fields.DatetimeField(auto_now_add=True)
    created_by = fields.CharField(max_length=200)
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "grants"


class Session(Model):
    """A person who has signed in. It ends when it is idle, when it is old, and at once when it is revoked."""

    id = fields.UUIDField(primary_key=True)
    person: "fields.ForeignKeyRelation[Person]" = fields.ForeignKeyField(
        "models.Person", on_delete=fields.RESTRICT, db_index=True
    )
    person_id: UUID
    digest = fields.CharField(max_length=64, unique=True)  # SHA-256 of what the cookie holds, hex
    created_at = fields.DatetimeField(auto_now_add=True)
    last_seen_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    second_factor = fields.BooleanField(default=False)  # whether the identity provider was asked for one, and said so
    vouched_by_id = fields.UUIDField(null=True)  # who made the link that began it; null: a provider, or the owner

    class Meta:
        table = "sessions"


class SignInLink(Model):
    """Signs a person in, once."""

    id = fields.UUIDField(primary_key=True)
    person: "fields.ForeignKeyRelation[Person]" = fields.ForeignKeyField(
        "models.Person", on_delete=fields.RESTRICT, db_index=True
    )
    person_id: UUID
    digest = fields.CharField(max_length=64, unique=True)  # SHA-256 of the link's secret, hex
    created_at = fields.DatetimeField(auto_now_add=True)
    created_by = fields.CharField(max_length=200)
    created_by_id = fields.UUIDField(null=True)  # who may have used it besides; null: the owner of the database made it
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sign_in_links"


class DemoMark(Model):
    """Says that this database belongs to the demo, which otherwise refuses one that is not empty."""

    id = fields.IntField(primary_key=True)
    marked_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "demo_marks"
