"""Who did what, and who may do what: the audit log and the access review."""

import json
from enum import Enum
from functools import partial
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.relay import PageInfo

from api.graphql.access.viewer import PermissionEnum
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import AccessError
from api.graphql.transport.paging import PAGE_MAX, Connection, Counting, Edge, bounded
from api.graphql.transport.scalars import DateTime
from domain.access import review
from domain.access.permissions import Permission
from domain.history import log
from domain.history.log import DAYS, LogEntry, WantedHistory
from domain.problems import InvalidInput

_POSITION_LENGTH_MAX = 18


@strawberry.enum(description="What an entry of the audit log says of somebody.")
class AuditKind(Enum):
    CHANGE = strawberry.enum_value("CHANGE", description="They changed something.")
    READ = strawberry.enum_value("READ", description="They read what is sensitive; once within a quarter of an hour.")
    REFUSED = strawberry.enum_value("REFUSED", description="They asked for what they may not; once within an hour.")


@strawberry.type(description="A fact that was changed, before and after, as JSON.")
class AuditChange:
    name: str = strawberry.field(description="The fact's name.")
    before: str = strawberry.field(description="JSON; null where there was none.")
    after: str = strawberry.field(description="JSON; null where there is none.")


@strawberry.type(description="Something that a person or a program did, read or was refused; sealed, it never changes.")
class AuditEntry:
    position: str = strawberry.field(description="In the merchant's chain, in which refunds' events stand too.")
    hash: str = strawberry.field(description="The seal: SHA-256 over the seal before and this entry, hex.")
    kind: AuditKind = strawberry.field(description="Whether it was done, read or refused.")
    operation: str = strawberry.field(description="A field of this API, a command, or the kind of a refund's event.")
    object_kind: str = strawberry.field(description="As refund, payment, person, token, connection, file.")
    object_id: str = strawberry.field(description="The object's own id.")
    actor: str = strawberry.field(description="As it stands on what they do.")
    party: strawberry.ID | None = strawberry.field(description="Who answers for it, where that is known.")
    person_id: strawberry.ID | None = strawberry.field(description="Null: a program, or an event of a refund.")
    token_id: strawberry.ID | None = strawberry.field(description="Null: a session, or an event of a refund.")
    session_id: strawberry.ID | None = strawberry.field(description="Of a person who had signed in.")
    address: str | None = strawberry.field(description="Where the request came from.")
    agent: str | None = strawberry.field(description="What the program called itself.")
    request_id: str = strawberry.field(description="The request in which it was done.")
    outcome: str = strawberry.field(description="DONE, or the code of the refusal.")
    occurred_at: DateTime = strawberry.field(description="When it was done.")
    entry: strawberry.Private[LogEntry]

    @classmethod
    def of(cls, row: LogEntry) -> "AuditEntry":
        def named(one: UUID | None) -> strawberry.ID | None:
            return strawberry.ID(str(one)) if one else None

        return cls(
            position=str(row.position),
            hash=row.hash,
            kind=AuditKind(row.kind),
            operation=row.operation,
            object_kind=row.object_kind,
            object_id=row.object_id,
            actor=row.actor,
            party=named(row.party),
            person_id=named(row.person_id),
            token_id=named(row.token_id),
            session_id=named(row.session_id),
            address=row.address,
            agent=row.agent,
            request_id=row.request_id,
            outcome=row.outcome,
            occurred_at=DateTime(row.occurred_at),
            entry=row,
        )

    @strawberry.field(description="What was changed: nothing secret, no account. By name; `first` is 1-100.")
    def changes(self, first: int = 20) -> list[AuditChange]:
        told = sorted(self.entry.changes.items())[: bounded(first)]
        return [AuditChange(name=name, before=json.dumps(pair[0]), after=json.dumps(pair[1])) for name, pair in told]


@strawberry.input(description="All that is given holds at once.")
class AuditFilter:
    person_id: strawberry.ID | None = strawberry.field(default=None, description="What this person did.")
    token_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="What this token did; refunds' events are found by its name, which outlives rotations.",
    )
    object_kind: str | None = strawberry.field(default=None, description="As refund, payment, person, token.")
    object_id: str | None = strawberry.field(default=None, description="Of that kind; a refund's is its UUID.")
    kinds: list[AuditKind] | None = strawberry.field(default=None, description="Left out: all.")
    since: DateTime | None = strawberry.field(
        default=None, description=f"Left out, and neither person nor object: {DAYS} days before `until`."
    )
    until: DateTime | None = strawberry.field(default=None, description="Excluded.")


@strawberry.type(description="A role that somebody holds.")
class AccessGiven:
    role: str = strawberry.field(description="The role's name.")
    store_code: str | None = strawberry.field(description="Null: all stores.")
    since: DateTime = strawberry.field(description="When it was given.")
    by: str = strawberry.field(description="Who gave it.")


@strawberry.enum(description="Whether it is a person or a program.")
class AccessHolderKind(Enum):
    PERSON = strawberry.enum_value("PERSON", description="Somebody who signs in.")
    TOKEN = strawberry.enum_value("TOKEN", description="A program's token.")


@strawberry.type(description="A person or a token, and what they may do at your merchant.")
class AccessHolder:
    kind: AccessHolderKind = strawberry.field(description="A person or a token.")
    id: strawberry.ID = strawberry.field(description="The person's or the token's.")
    name: str = strawberry.field(description="As it stands on what they do.")
    state: str = strawberry.field(description="ACTIVE or SUSPENDED.")
    created_at: DateTime = strawberry.field(description="When they were made.")
    created_by: str = strawberry.field(description="Who made them.")
    expires_at: DateTime | None = strawberry.field(description="Of a token.")
    last_used_at: DateTime | None = strawberry.field(description="To the minute; null: never.")
    permissions: list[Annotated[Permission, PermissionEnum]] = strawberry.field(description="All that they hold.")
    flags: list[str] = strawberry.field(
        description="What to look at: UNUSED, EXPIRES_SOON, SUSPENDED, or the name of duties that conflict."
    )
    given: strawberry.Private[list[AccessGiven]]

    @strawberry.field(description="Their roles, oldest first. `first` is 1-100.")
    def grants(self, first: int = PAGE_MAX) -> list[AccessGiven]:
        return self.given[: bounded(first)]

    @classmethod
    def of(cls, row: review.ReviewedHolder) -> "AccessHolder":
        return cls(
            kind=AccessHolderKind(row.kind),
            id=strawberry.ID(str(row.id)),
            name=row.name,
            state=row.state,
            created_at=DateTime(row.created_at),
            created_by=row.created_by,
            expires_at=DateTime(row.expires_at) if row.expires_at else None,
            last_used_at=DateTime(row.last_used_at) if row.last_used_at else None,
            permissions=[Permission(one) for one in row.permissions],
            flags=list(row.flags),
            given=[
                AccessGiven(role=one.role, store_code=one.store_code, since=DateTime(one.since), by=one.by)
                for one in row.given
            ],
        )


@strawberry.type(description="Who may do what at your merchant, at one moment.")
class AccessReview:
    at: DateTime = strawberry.field(description="When it was looked at.")
    digest: str = strawberry.field(description="Of who may do what: sign this. SHA-256, hex.")
    count: int = strawberry.field(description="How many people and tokens there are.")
    found: strawberry.Private[review.AccessReview]

    @strawberry.field(description="People, then tokens, by name, behind the first `skip`. `first` is 1-100.")
    def holders(self, first: int = PAGE_MAX, skip: int = 0) -> list[AccessHolder]:
        start = max(skip, 0)
        return [AccessHolder.of(one) for one in self.found.holders[start : start + bounded(first)]]

    @classmethod
    def of(cls, found: review.AccessReview) -> "AccessReview":
        return cls(at=DateTime(found.at), digest=found.digest, count=len(found.holders), found=found)


@strawberry.input(description="A person says that they have looked at who may do what.")
class AccessReviewSignInput:
    digest: str = strawberry.field(description="Of the review that you saw; refused where it is another by now.")
    note: str = strawberry.field(description="What came of it; 5-500 characters.")


@strawberry.type(description="The review that was signed.")
class AccessReviewSignPayload:
    review: AccessReview | None = strawberry.field(description="Null where `errors` is not empty.")
    errors: list[AccessError] = strawberry.field(description="Why it was not signed.")
    request_id: str = strawberry.field(description="Of this request.")


@strawberry.type
class AuditQuery:
    @strawberry.field(
        description="Who did, read or was refused what, newest first, a second behind. `first` is 1-100. Needs "
        "READ_AUDIT; reading it stands in it."
    )
    async def audit_log(
        self, info: Info, first: int, after: str | None = None, filter: AuditFilter | None = None
    ) -> Connection[AuditEntry]:
        return await audit_log(info, first, after, filter)

    @strawberry.field(
        description="Who may do what where, since when, and what to look at. Who was not here for `unusedDays` is "
        "UNUSED. Needs READ_AUDIT."
    )
    async def access_review(self, info: Info, unused_days: int = review.UNUSED_DAYS) -> AccessReview:
        return AccessReview.of(await review.look(info.context.principal, unused_days))


@strawberry.type
class AuditMutation:
    @strawberry.mutation(description="Sign that you have looked at who may do what. Needs READ_AUDIT; no program can.")
    async def access_review_sign(self, info: Info, input: AccessReviewSignInput) -> AccessReviewSignPayload:
        return await access_review_sign(info, input)


async def audit_log(info: Info, first: int, after: str | None, given: AuditFilter | None) -> Connection[AuditEntry]:
    """A page of the log. Raises Forbidden, InvalidInput."""
    bounded(first)
    wanted = wanted_entries(given)
    found = await log.page(info.context.principal, wanted, _position(after), first + 1)
    edges = [Edge(node=AuditEntry.of(one), cursor=str(one.position)) for one in found[:first]]
    shown = PageInfo(
        has_next_page=len(found) > first,
        has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    total = Counting(partial(log.count, info.context.principal, wanted))
    return Connection(edges=edges, page_info=shown, total=total)


def wanted_entries(given: AuditFilter | None) -> WantedHistory:
    """The domain's of a filter. Raises InvalidInput."""
    if given is None:
        return WantedHistory()
    return WantedHistory(
        person_id=ids.uuid_of(given.person_id, ["filter", "personId"]) if given.person_id else None,
        token_id=ids.uuid_of(given.token_id, ["filter", "tokenId"]) if given.token_id else None,
        object_kind=given.object_kind,
        object_id=given.object_id,
        kinds=[one.name for one in given.kinds] if given.kinds is not None else log.KINDS,
        since=given.since,
        until=given.until,
    )


def _position(after: str | None) -> int | None:
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) <= _POSITION_LENGTH_MAX):
        raise InvalidInput("`after` is a cursor of this list, sent exactly as it was given.", path=["after"])
    return int(after)


@answering(AccessReviewSignPayload)
async def access_review_sign(info: Info, input: AccessReviewSignInput) -> AccessReviewSignPayload:
    context = info.context
    seen = await review.sign(context.principal, input.digest, input.note, context.cause)
    return AccessReviewSignPayload(review=AccessReview.of(seen), errors=[], request_id=context.request_id)
