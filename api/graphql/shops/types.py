"""A shop, its preflights, what it said and was asked, as they are read."""

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import strawberry
from strawberry.relay import to_base64

from api.graphql.calls import Header
from api.graphql.connections.types import ConnectionField
from api.graphql.context import Info
from api.graphql.onboarding import CheckCodeEnum, CheckOutcomeEnum
from api.graphql.spoken.told import told
from api.graphql.transport.paging import bounded
from api.graphql.transport.scalars import DateTime
from domain.commerce import field_values, find, shops
from domain.commerce.vocabulary import ShopKind
from domain.models import Shop as Row
from domain.models import ShopCall as CallRow
from domain.models import ShopCheck as CheckRow
from domain.models import ShopNotice as NoticeRow
from domain.models.shops import ShopState
from domain.pse.checking import CheckCode, CheckOutcome

_HEADERS: Final = 40  # more than we send
KindEnum = strawberry.enum(ShopKind, name="ShopKind", description="What a shop runs on.")
StateEnum = strawberry.enum(
    ShopState, name="ShopState", description="PAUSED: what comes is kept, nothing is done with it. RETIRED: it is over."
)


@strawberry.type(description="A setting of a shop that is no secret.")
class ShopOption:
    name: str
    value: str


@strawberry.type(description="A shop or ERP that hands in refunds of the payments of one store.")
class Shop:
    id: strawberry.ID
    kind: Annotated[ShopKind, KindEnum]
    name: str
    store_id: strawberry.ID
    state: Annotated[ShopState, StateEnum]
    address: str = strawberry.field(description="Empty where nothing is asked of it.")
    options: list[ShopOption]
    heard_at: DateTime | None = strawberry.field(description="When it last said something, within a minute.")
    looked_until: DateTime = strawberry.field(description="What changed in the shop before was looked at.")
    failing_since: DateTime | None
    failing_because: str | None = told()
    old_secrets_until: DateTime | None = strawberry.field(
        description="Until when what is signed with the secrets before is believed, too; null: there are none."
    )
    created_by: str
    created_at: DateTime

    @classmethod
    def of(cls, row: Row) -> "Shop":
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=ShopKind(row.kind),
            name=row.name,
            store_id=strawberry.ID(to_base64("Store", str(row.store_id))),
            state=row.state,
            address=row.address,
            options=[ShopOption(name=name, value=value) for name, value in sorted(row.options.items())],
            heard_at=DateTime(row.heard_at) if row.heard_at else None,
            looked_until=DateTime(row.polled_until),
            failing_since=DateTime(row.failing_since) if row.failing_since else None,
            failing_because=row.failing_because,
            old_secrets_until=_still(row.old_valid_until),
            created_by=row.created_by,
            created_at=DateTime(row.created_at),
        )

    @strawberry.field(
        description="Where the shop is to send what it says; null: this installation has not been told its own address."
    )
    def webhook_url(self, info: Info) -> str | None:
        return shops.url_of(info.context.settings.public_url, UUID(self.id))

    @strawberry.field(description="How many of its refunds wait for a person.")
    async def waiting(self, info: Info) -> int:
        return await info.context.loaders.one(find.waiting_of, UUID(self.id)) or 0

    @strawberry.field(description="When it was last asked or told something; null: never.")
    async def called_at(self, info: Info) -> DateTime | None:
        at = await info.context.loaders.one(find.called_of, UUID(self.id))
        return DateTime(at) if at else None

    @strawberry.field(description="What it is made of; no values.")
    def fields(self) -> list[ConnectionField]:
        return fields_of(self.kind)


def _still(until: datetime | None) -> DateTime | None:
    """Those whose time is over are taken away within the hour."""
    return DateTime(until) if until is not None and until > datetime.now(UTC) else None


def fields_of(kind: ShopKind) -> list[ConnectionField]:
    """What a shop of this kind is made of, in the order in which to ask."""
    return [
        ConnectionField(
            name=one.name,
            label=one.label,
            where=one.where,
            secret=one.secret,
            optional=one.optional,
            pem=one.pem,
            test=one.test,
            live=one.live,
        )
        for one in field_values.fields_of(kind)
    ]


@strawberry.type(description="One thing of a shop that was looked at.")
class ShopCheckResult:
    code: Annotated[CheckCode, CheckCodeEnum]
    outcome: Annotated[CheckOutcome, CheckOutcomeEnum]
    saw: str = told()
    what_to_do: str = told()


@strawberry.type(description="A preflight of a shop. Nothing is changed there, no money moves.")
class ShopCheck:
    id: strawberry.ID
    shop_id: strawberry.ID
    asked_by: str
    request_id: str
    outcome: Annotated[CheckOutcome, CheckOutcomeEnum] | None = strawberry.field(description="Null: it is under way.")
    checks: list[ShopCheckResult]
    error: str | None = told()
    created_at: DateTime
    finished_at: DateTime | None

    @classmethod
    def of(cls, row: CheckRow) -> "ShopCheck":
        return cls(
            id=strawberry.ID(str(row.id)),
            shop_id=strawberry.ID(str(row.shop_id)),
            asked_by=row.asked_by,
            request_id=row.request_id,
            outcome=CheckOutcome(row.outcome) if row.outcome else None,
            checks=[
                ShopCheckResult(
                    code=CheckCode(one["code"]),
                    outcome=CheckOutcome(one["outcome"]),
                    saw=one["saw"],
                    what_to_do=one["what_to_do"],
                )
                for one in row.checks or []
            ],
            error=row.error,
            created_at=DateTime(row.created_at),
            finished_at=DateTime(row.finished_at) if row.finished_at else None,
        )


@strawberry.type(description="What a shop said, as it came, or an order that a sweep put aside, and what came of it.")
class ShopNotice:
    id: strawberry.ID
    shop_id: strawberry.ID
    request_id: str
    received_at: DateTime
    times_received: int
    tries: int
    applied_at: DateTime | None
    result: str | None = told()
    body: str = strawberry.field(description="As text; what is no text is shown by replacement characters.")

    @classmethod
    def of(cls, row: NoticeRow) -> "ShopNotice":
        return cls(
            id=strawberry.ID(str(row.id)),
            shop_id=strawberry.ID(str(row.shop_id)),
            request_id=row.request_id,
            received_at=DateTime(row.received_at),
            times_received=row.times_received,
            tries=row.tries,
            applied_at=DateTime(row.applied_at) if row.applied_at else None,
            result=row.result,
            body=bytes(row.body).decode("utf-8", "replace"),
        )


@strawberry.type(
    description="One request to a shop, written down before it left, and its answer; secrets are redacted."
)
class ShopCall:
    id: strawberry.ID
    shop_id: strawberry.ID
    shop_refund_id: strawberry.ID | None
    request_id: str
    purpose: str = strawberry.field(description="CHECK, POLL, LOOK, TELL, RECORD, KEY or TOKEN.")
    method: str
    url: str
    sent_headers: strawberry.Private[dict[str, str]]
    body: str
    sent_at: DateTime
    status: int | None = strawberry.field(description="The HTTP status; null: there was no answer (yet), see `error`.")
    answer: str | None
    error: str | None
    duration_ms: int | None
    answered_at: DateTime | None

    @strawberry.field(description="By name. `first` is 1-100.")
    def headers(self, first: int = _HEADERS) -> list[Header]:
        return [Header(name=name, value=value) for name, value in sorted(self.sent_headers.items())[: bounded(first)]]

    @classmethod
    def of(cls, row: CallRow) -> "ShopCall":
        return cls(
            id=strawberry.ID(str(row.id)),
            shop_id=strawberry.ID(str(row.shop_id)),
            shop_refund_id=strawberry.ID(str(row.shop_refund_id)) if row.shop_refund_id else None,
            request_id=row.request_id,
            purpose=row.purpose,
            method=row.method,
            url=row.url,
            sent_headers=row.headers,
            body=row.body,
            sent_at=DateTime(row.sent_at),
            status=row.status,
            answer=row.answer,
            error=row.error,
            duration_ms=row.duration_ms,
            answered_at=DateTime(row.answered_at) if row.answered_at else None,
        )
